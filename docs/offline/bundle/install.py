"""Install riskclf from this folder, for the current user. install.bat starts it.

It needs no network. It makes an environment of its own, in which pip installs the wheels of this
folder and checks their hashes. Then it asks the model for a label, to see that it computes.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def main() -> int:
    """Install; returns the exit status."""
    wanted = (FOLDER / "python-version.txt").read_text(encoding="ascii").strip()
    here = "{}.{}".format(*sys.version_info)
    if here != wanted or struct.calcsize("P") != 8:
        say(
            f"These files need Python {wanted}, 64 bit; this is Python {here}.",
            f"Python {wanted}（64 ビット版）が必要です。現在の Python は {here} です。",
        )
        return 2
    home = Path(os.environ.get("LOCALAPPDATA") or Path.home() / ".local" / "share") / "riskclf"
    environment = home / "environment"
    say(
        f"Installing riskclf in {home}. This takes some minutes.",
        f"{home} に riskclf をインストールします。数分かかります。",
    )
    venv.create(environment, with_pip=True, clear=True)
    scripts = environment / ("Scripts" if os.name == "nt" else "bin")
    # Isolated: no other package of this computer is in the way.
    python = [str(scripts / ("python.exe" if os.name == "nt" else "python")), "-I", "-X", "utf8"]
    pip = [*python, "-m", "pip", "--disable-pip-version-check", "--isolated", "install"]
    sources = ["--no-index", "--find-links", str(FOLDER / "wheels")]
    listed = ["--require-hashes", "--requirement", str(FOLDER / "requirements.txt")]
    if subprocess.run([*pip, "--quiet", *sources, *listed], check=False).returncode:
        say(
            "The installation failed; the lines above say why. If a hash does not match, copy the "
            "folder again.",
            "インストールに失敗しました。原因は上に表示されています。ハッシュが一致しない場合は、"
            "フォルダーをコピーし直してください。",
        )
        return 2
    for name in ("start.py", "start.bat"):
        shutil.copy(FOLDER / name, home)
    check = [*python, "-c", "import riskclf; riskclf.RiskClassifier.load().predict('天気がいい')"]
    offline = os.environ | {"HF_HUB_OFFLINE": "1"}
    if subprocess.run(check, env=offline, check=False).returncode:
        say(
            "riskclf is installed but does not run. If the lines above name a DLL, install "
            "Microsoft Visual C++ Redistributable (x64) and run install.bat again.",
            "インストールしましたが、動作しません。上に DLL の名前が表示されている場合は、"
            "Microsoft Visual C++ 再頒布可能パッケージ（x64）をインストールしてから、もう一度 "
            "install.bat を実行してください。",
        )
        return 2
    say(
        "Done. Drag a file of posts onto start.bat. You may copy start.bat to the desktop.",
        "完了しました。投稿のファイルを start.bat にドラッグしてください。start.bat は"
        "デスクトップにコピーしても使えます。",
    )
    return 0


def say(english: str, japanese: str) -> None:
    """Print a message in both languages."""
    print(f"{english}\n{japanese}\n", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
