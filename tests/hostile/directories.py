"""Model directories by somebody who means ill: what is done to a good one, and what is said of it.

Every change is made as one who means it would: the hashes and the digest in `riskclf.json` are
computed anew, so that the change itself must be noticed.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from riskclf import optimize
from tests.conftest import save_model, write_tokenizer
from tests.experts import with_experts

__all__ = ["ALLOWED", "HOSTILE", "TRACE", "Hostile", "build", "make", "reseal"]

Change = Callable[[Path], object]

TRACE = "was-run"
"""A file that a pickle makes in the model directory if it is opened."""


@dataclass(frozen=True)
class Hostile:
    """One way to change a good model directory."""

    name: str
    file: str
    """The file that the refusal names; empty where it names the directory."""
    change: Change
    says: str = ""
    """What else the refusal says, such as the key."""
    engine: str = "pytorch"
    resealed: bool = True
    """Whether hashes and digest are computed anew."""


def build(directory: Path) -> Path:
    """A good model to start from: with experts, heads, and files for OpenVINO."""
    plain, experts, model = (directory / name for name in ("plain", "experts", "model"))
    save_model(plain, write_tokenizer(directory / "tokenizer", {}))
    with_experts(plain, experts)
    optimize(experts, output=model, precision="f32", calibration=[{"text": "今日は雨です"}] * 4)
    return model


def make(hostile: Hostile, good: Path, place: Path) -> Path:
    """The changed copy of a good directory."""
    directory = Path(shutil.copytree(good, place))
    hostile.change(directory)
    if hostile.resealed:
        reseal(directory)
    return directory


def reseal(directory: Path) -> None:
    """Compute hashes and digest anew, where `riskclf.json` can still be read."""
    file = directory / "riskclf.json"
    try:
        if file.is_symlink() or not file.is_file():
            return
        values = json.loads(file.read_text(encoding="utf-8"))
        for name in values["files"]:
            if (directory / name).is_file() and not (directory / name).is_symlink():
                content = (directory / name).read_bytes()
                if len(values["files"][name]) == 64:
                    values["files"][name] = hashlib.sha256(content).hexdigest()
        values.pop("digest")
        content = json.dumps(values, sort_keys=True).encode("utf-8")
    except (AttributeError, KeyError, OSError, RecursionError, TypeError, ValueError):
        return
    values["digest"] = hashlib.sha256(content).hexdigest()
    file.write_text(json.dumps(values), encoding="utf-8")


# Ways to change a file ----------------------------------------------------------------------------


def json_of(name: str, change: Callable[[dict[str, Any]], object]) -> Change:
    """Change the values of a JSON file."""

    def changed(directory: Path) -> None:
        file = directory / name
        values = json.loads(file.read_text(encoding="utf-8"))
        change(values)
        file.write_text(json.dumps(values, ensure_ascii=True), encoding="utf-8")

    return changed


def text_in(name: str, before: str, after: str) -> Change:
    """Change the text of a file, where JSON could not say it."""

    def changed(directory: Path) -> None:
        text = (directory / name).read_text(encoding="utf-8")
        assert before in text
        (directory / name).write_text(text.replace(before, after, 1), encoding="utf-8")

    return changed


def put(name: str, content: bytes) -> Change:
    return lambda directory: (directory / name).write_bytes(content)


def replaced(name: str, make_it: Callable[[Path], object]) -> Change:
    """Something else in the place of a file."""

    def changed(directory: Path) -> None:
        (directory / name).unlink()
        make_it(directory / name)

    return changed


def pipe(file: Path) -> None:
    os.mkfifo(file)


def outside(file: Path) -> None:
    """A link to the same file of another directory."""
    elsewhere = file.parent.parent / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    (elsewhere / file.name).write_bytes(b"{}")
    file.symlink_to(elsewhere / file.name)


class _LeavesATrace:
    def __reduce__(self) -> tuple[Callable[[str, str], Any], tuple[str, str]]:
        return open, (TRACE, "w")


PICKLE = pickle.dumps(_LeavesATrace())


def zipped(file: Path) -> None:
    """As `torch.save` and joblib write them."""
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", PICKLE)


# Ways to change a safetensors file ----------------------------------------------------------------


def split(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and tensors."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def joined(header: Mapping[str, Any] | str, tensors: bytes) -> bytes:
    text = (header if isinstance(header, str) else json.dumps(header)).encode("utf-8")
    return len(text).to_bytes(8, "little") + text + tensors


def header_of(name: str, change: Callable[[dict[str, Any]], object], more: bytes = b"") -> Change:
    def changed(directory: Path) -> None:
        header, tensors = split((directory / name).read_bytes())
        change(header)
        (directory / name).write_bytes(joined(header, tensors + more))

    return changed


def bytes_of(name: str, change: Callable[[bytes], bytes]) -> Change:
    return lambda directory: (directory / name).write_bytes(change((directory / name).read_bytes()))


def number_in(name: str, tensor: str, number: float) -> Change:
    """Put a number at the end of a tensor in float32 or float16."""

    def changed(content: bytes) -> bytes:
        import numpy as np

        header, tensors = split(content)
        entry = header[tensor]
        kind = {"F32": np.float32, "F16": np.float16}[entry["dtype"]]
        value = np.array([number]).astype(kind).tobytes()
        end = entry["data_offsets"][1]
        return joined(header, tensors[: end - len(value)] + value + tensors[end:])

    return bytes_of(name, changed)


def without_layer(content: bytes) -> bytes:
    """The weights of all layers but the last."""
    header, tensors = split(content)
    kept, data = {}, b""
    for name, entry in header.items():
        if name != "__metadata__" and ".layer.1." not in name:
            start, end = entry["data_offsets"]
            kept[name] = {**entry, "data_offsets": [len(data), len(data) + end - start]}
            data += tensors[start:end]
    return joined(kept, data)


MODEL, CONFIG, MANIFEST = "model.safetensors", "config.json", "riskclf.json"
TOKENIZER, VOCABULARY, XML = "tokenizer_config.json", "vocab.txt", "openvino.xml"
HEAD, WORDS = "classifier.weight", "bert.embeddings.word_embeddings.weight"

DEEP = '{"a":' * 100_000 + "1" + "}" * 100_000
DIGITS = "1" + "0" * 400
NAMES = "names\x1b]0;x\x07"
BIDI = "safe\u202egnp"


def _files() -> list[Hostile]:
    """What lies in the place of a file."""
    found = []
    for name in (MANIFEST, CONFIG, TOKENIZER, VOCABULARY, MODEL, "ngrams.safetensors"):
        found += [
            Hostile(f"{name} is a pipe", name, replaced(name, pipe)),
            Hostile(
                f"{name} is a link to an endless file",
                name,
                replaced(name, lambda file: file.symlink_to("/dev/zero")),
            ),
            Hostile(f"{name} is a link to a file outside", name, replaced(name, outside)),
            Hostile(f"{name} is a directory", name, replaced(name, Path.mkdir)),
            Hostile(
                f"{name} is a link to itself",
                name,
                replaced(name, lambda file: file.symlink_to(file.name)),
            ),
            Hostile(f"{name} is empty", name, put(name, b"")),
            Hostile(f"{name} is a pickle", name, put(name, PICKLE)),
            Hostile(f"{name} is a zip with a pickle", name, replaced(name, zipped)),
        ]
    for name in (MANIFEST, CONFIG, TOKENIZER):
        found += [
            Hostile(f"{name} is deep", name, put(name, DEEP.encode())),
            Hostile(
                f"{name} is deep in a list",
                name,
                text_in(name, "{", '{"deep": ' + "[" * 900 + "]" * 900 + ","),
                "deep",
            ),
            Hostile(
                f"{name} holds 10**400", name, text_in(name, "{", f'{{"huge": {DIGITS},'), "huge"
            ),
            Hostile(f"{name} holds 1e400", name, text_in(name, "{", '{"huge": 1e400,'), "huge"),
            Hostile(f"{name} holds NaN", name, text_in(name, "{", '{"odd": NaN,'), "odd"),
            Hostile(
                f"{name} names a key twice", name, text_in(name, "{", '{"a": 1, "a": 2,'), "twice"
            ),
            Hostile(
                f"{name} holds half a character", name, text_in(name, "{", '{"half": "\\ud800",')
            ),
            Hostile(f"{name} is a list", name, put(name, b"[]")),
            Hostile(f"{name} is not UTF-8", name, put(name, b'{"a": "\xff"}')),
            Hostile(f"{name} is 5 MB", name, put(name, b" " * 5_000_000 + b"{}")),
        ]
    # Writing it anew would mend what is no JSON.
    return [replace(x, resealed=x.file != MANIFEST) for x in found]


def _manifest() -> list[Hostile]:
    def of(name: str, change: Callable[[dict[str, Any]], object], says: str = "") -> Hostile:
        return Hostile(f"riskclf.json: {name}", MANIFEST, json_of(MANIFEST, change), says)

    def listing(name: str, digest: str = "0" * 64) -> Callable[[dict[str, Any]], object]:
        return lambda x: (x["files"].update({name: digest}), x["roles"].update({name: "report"}))

    return [
        of("a newer format", lambda x: x.update(format=5), "format"),
        of("a truth value as format", lambda x: x.update(format=True)),
        of("a list as format", lambda x: x.update(format=[4])),
        of("logits are text", lambda x: x["probes"][0].update(logits=["1", "2", "3"])),
        of("n-gram logits are text", lambda x: x["probes"][0].update(ngrams=["1", "2", "3"])),
        of("too few neighbour logits", lambda x: x["probes"][1].update(neighbours=[1.0])),
        of("a probe without neighbour logits", lambda x: x["probes"][1].pop("neighbours")),
        of("a probe is a number", lambda x: x["probes"].append(7)),
        of("a million probes", lambda x: x.update(probes=x["probes"][:1] * 20_000)),
        of("a probe of a million characters", lambda x: x["probes"][0].update(text="雨" * 10**6)),
        of("labels are one text", lambda x: x.update(labels="abc")),
        of("a label controls the terminal", lambda x: x["labels"].__setitem__(0, NAMES)),
        of("a label reverses its direction", lambda x: x["labels"].__setitem__(0, BIDI)),
        of("a label cannot be seen", lambda x: x["labels"].__setitem__(0, "\u200b")),
        of("a label is empty", lambda x: x["labels"].__setitem__(0, "")),
        of("a label is very long", lambda x: x["labels"].__setitem__(0, "a" * 1000)),
        of(
            "an operating point controls the terminal",
            lambda x: x["operating_points"].update({NAMES: {"flag": 0.8, "review": 0.4}}),
        ),
        of(
            "a threshold with a strange name",
            lambda x: x["operating_points"]["standard"].update({"\x1b[2J\n": 1}),
        ),
        of("a threshold is text", lambda x: x["operating_points"]["standard"].update(flag="1")),
        of("the temperature is true", lambda x: x.update(temperature=True)),
        of("the label threshold is text", lambda x: x.update(label_threshold="0.5")),
        of("experts are one text", lambda x: x["stacker"].update(experts="ngrams")),
        of("an unknown expert", lambda x: x["stacker"].update(experts=["a", "b", "c"])),
        of("a weight is text", lambda x: x["stacker"].update(risk=["1", "1", "1"])),
        of("a huge weight", lambda x: x["stacker"].update(risk=[1e9, 1, 1])),
        of("a file above the directory", listing("../secret.txt")),
        of("a file by its full path", listing("/etc/passwd")),
        of("a file of Windows", listing("C:\\secret.txt")),
        of("a file whose name controls the terminal", listing("a\x1b[2J")),
        of("a file of an unknown role", lambda x: x["roles"].update({"ngrams.safetensors": "x"})),
        of("a role is a list", lambda x: x["roles"].update({"ngrams.safetensors": []})),
        of(
            "an expert in a file of another name",
            lambda x: (listing("ngrams.pkl")(x), x["roles"].update({"ngrams.pkl": "ngrams"})),
        ),
        of("a hash is a number", lambda x: x["files"].update({CONFIG: 7})),
        of("files are a list", lambda x: x.update(files=[CONFIG])),
        of("engines are a list", lambda x: x.update(engines=[])),
        of("an engine of odd precision", lambda x: x["engines"]["openvino"].update(precision={})),
        of("the dictionary is a list", lambda x: x.update(dictionary=[])),
        of("the normaliser controls the terminal", lambda x: x.update(normaliser=NAMES)),
        of("the digest is missing", lambda x: x.pop("digest")),
    ]


def _config() -> list[Hostile]:
    def of(name: str, says: str, **changes: Any) -> Hostile:
        return Hostile(
            f"config.json: {name}", CONFIG, json_of(CONFIG, lambda x: x.update(changes)), says
        )

    def of_size(key: str, size: Any) -> Hostile:
        return Hostile(
            f"config.json: {key} {size!r}",
            CONFIG if not isinstance(size, int) or size < 1 else "",
            json_of(CONFIG, lambda x: x.update({key: size})),
            "" if key in ("num_hidden_layers", "hidden_size") else "config.json",
        )

    huge = [
        of_size("num_hidden_layers", 1_000_000),
        of_size("vocab_size", 10**9),
        of_size("max_position_embeddings", 10**9),
        of_size("intermediate_size", 10**9),
        of_size("hidden_size", 4 * 10**6),
        of_size("type_vocab_size", 10**9),
    ]
    sizes: tuple[Any, ...] = (0, -1, True, "2", None, 1.5, [2], {})
    odd = [
        of_size(key, size)
        for key in ("num_hidden_layers", "hidden_size", "vocab_size", "num_attention_heads")
        for size in sizes
    ]
    labels = {str(index): f"label {index}" for index in range(60_000)}
    return [
        *huge,
        *odd,
        of("30 million labels", "num_labels", num_labels=30_000_000),
        of("many labels", "id2label", id2label=labels),
        of("labels are a list", "id2label", id2label=["a", "b", "c"]),
        of("a label is missing", "id2label", id2label={"0": "a", "2": "b", "3": "c"}),
        of("a label controls the terminal", "id2label", id2label={"0": NAMES, "1": "b", "2": "c"}),
        of("heads that do not fit", "num_attention_heads", num_attention_heads=7),
        of("another architecture", "model_type", model_type="llama"),
        of("an architecture that is a list", "model_type", model_type=["bert"]),
        of("auto_map", "auto_map", auto_map={"AutoConfig": "evil.Config"}),
        of("custom pipelines", "custom_pipelines", custom_pipelines={"x": {"impl": "evil.X"}}),
        of("a kernel", "attn_implementation", attn_implementation="org/kernel"),
        of("a hidden kernel", "_attn_implementation", _attn_implementation="org/kernel:x"),
        of("kernels by part", "attn_implementation", attn_implementation={"": "org/kernel"}),
        of("flash attention", "attn_implementation", attn_implementation="flash_attention_2"),
        of("quantised", "quantization_config", quantization_config={"quant_method": "gptq"}),
        of("other weights", "transformers_weights", transformers_weights="../x.safetensors"),
        of("a decoder", "is_decoder", is_decoder=True),
        of("cross attention", "add_cross_attention", add_cross_attention=True),
        of("relative positions", "position_embedding_type", position_embedding_type="relative_key"),
        of("pruned heads", "pruned_heads", pruned_heads={"0": [1]}),
        of("chunks", "chunk_size_feed_forward", chunk_size_feed_forward=3),
        of("an unknown activation", "hidden_act", hidden_act="__import__('os')"),
        of("an activation that is a list", "hidden_act", hidden_act=["gelu"]),
        of("a norm of 0", "layer_norm_eps", layer_norm_eps=0),
        of("a norm that is text", "layer_norm_eps", layer_norm_eps="1e-12"),
        of("dropout of 2", "hidden_dropout_prob", hidden_dropout_prob=2),
        of("padding beyond the vocabulary", "pad_token_id", pad_token_id=10**6),
        of("padding that is text", "pad_token_id", pad_token_id="0"),
    ]


def _tokenizer() -> list[Hostile]:
    def of(name: str, says: str, **changes: Any) -> Hostile:
        return Hostile(
            f"tokenizer_config.json: {name}",
            "",
            json_of(TOKENIZER, lambda x: x.update(changes)),
            says,
        )

    def mecab(option: str) -> Hostile:
        kwargs = {"mecab_dic": "unidic_lite", "mecab_option": option}
        return of(f"MeCab with {option}", "mecab_option", mecab_kwargs=kwargs)

    def more(directory: Path) -> None:
        with (directory / VOCABULARY).open("a", encoding="utf-8") as stream:
            stream.writelines(f"new{number}\n" for number in range(10))

    def foreign(directory: Path) -> None:
        first, *others = (directory / VOCABULARY).read_text(encoding="utf-8").split("\n")
        text = "\n".join([first, *others[:4], *reversed(others[4:-1])])
        (directory / VOCABULARY).write_text(text + "\n", encoding="utf-8")

    return [
        *map(
            mecab,
            ("-d /etc", "-r /etc/passwd", "-u /tmp/user.dic", "-o /tmp/out", "-Ochasen", "-p"),
        ),
        *map(mecab, ("-d/etc", "--dicdir=/etc", "-F %m", "-Owakati\n-d /etc", "-M9999999")),
        of("a dictionary outside", "mecab_dic", mecab_kwargs={"mecab_dic": "/etc"}),
        of("a dictionary above", "mecab_dic", mecab_kwargs={"mecab_dic": "../unidic_lite"}),
        of("a module as dictionary", "mecab_dic", mecab_kwargs={"mecab_dic": "antigravity"}),
        of("no dictionary", "mecab_dic", mecab_kwargs={"mecab_dic": None, "mecab_option": "-d /"}),
        of("unknown kwargs", "mecab_kwargs", mecab_kwargs={"rcfile": "/etc/passwd"}),
        of("kwargs are a list", TOKENIZER, mecab_kwargs=[1]),
        of("auto_map", "auto_map", auto_map={"AutoTokenizer": ["evil.T", None]}),
        of("another class", "tokenizer_class", tokenizer_class="PreTrainedTokenizerFast"),
        of("other words", "word_tokenizer_type", word_tokenizer_type="sudachi"),
        of("other pieces", "subword_tokenizer_type", subword_tokenizer_type="sentencepiece"),
        of("lower case is text", TOKENIZER, do_lower_case="no"),
        of("a length that is text", TOKENIZER, model_max_length="64"),
        of("a length below 0", "model_max_length", model_max_length=-5),
        of("a special token that is missing", "unk_token", unk_token="\x1b[2J"),
        of("a special token that is a list", "pad_token", pad_token=["[PAD]"]),
        Hostile("vocab.txt: more pieces than rows", VOCABULARY, more),
        Hostile("vocab.txt: of another model", "", foreign, "does not compute"),
        Hostile("vocab.txt: not UTF-8", VOCABULARY, put(VOCABULARY, b"[PAD]\n\xff\n")),
        Hostile("vocab.txt: 17 MB", VOCABULARY, put(VOCABULARY, b"a\n" * 8_500_000)),
    ]


def _weights() -> list[Hostile]:
    def of(name: str, change: Change, says: str = "") -> Hostile:
        return Hostile(f"model.safetensors: {name}", MODEL, change, says)

    def entry(**changes: Any) -> Change:
        return header_of(MODEL, lambda x: x[HEAD].update(changes))

    def doubled(content: bytes) -> bytes:
        header, tensors = split(content)
        text = json.dumps(header)
        again = json.dumps({HEAD: header[HEAD]})[1:-1]
        return joined(f"{text[:-1]}, {again}}}", tensors)

    def moved(header: dict[str, Any], by: int) -> None:
        header[HEAD]["data_offsets"] = [x + by for x in header[HEAD]["data_offsets"]]

    return [
        of("the header is longer than the file", bytes_of(MODEL, lambda x: b"\xff" * 7 + x[7:])),
        of("a header of 2**63", bytes_of(MODEL, lambda x: (2**63).to_bytes(8, "little") + x[8:])),
        of("the header is cut", bytes_of(MODEL, lambda x: x[:100])),
        of("the length is cut", bytes_of(MODEL, lambda x: x[:5])),
        of("the tensors are cut", bytes_of(MODEL, lambda x: x[:-100])),
        of("bytes behind the tensors", bytes_of(MODEL, lambda x: x + PICKLE)),
        of("a deep header", bytes_of(MODEL, lambda x: joined(DEEP, split(x)[1]))),
        of("a header of numbers", bytes_of(MODEL, lambda x: joined("[1, 2]", split(x)[1]))),
        of("a header of blanks", bytes_of(MODEL, lambda x: joined(" " * 5_000_000, b""))),
        of("a tensor twice", bytes_of(MODEL, doubled), "twice"),
        of("a tensor moved down", header_of(MODEL, lambda x: moved(x, -4)), "overlap"),
        of("a tensor moved up", header_of(MODEL, lambda x: moved(x, 4))),
        of("a tensor below 0", header_of(MODEL, lambda x: moved(x, -(10**9)))),
        of("an unknown type", entry(dtype="F64")),
        of("a type that is a list", entry(dtype=[])),
        of("a shape below 0", entry(shape=[-3, -32])),
        of("a shape of text", entry(shape=["3", "32"])),
        of("a shape beyond memory", entry(shape=[10**12, 10**12])),
        of("a shape of 10**400", entry(shape=[10**400, 1])),
        of("another shape", entry(shape=[32, 3]), HEAD),
        of("no shape", header_of(MODEL, lambda x: x[HEAD].pop("shape"))),
        of("metadata that is a list", header_of(MODEL, lambda x: x.update(__metadata__=[1]))),
        of("a name that controls the terminal", header_of(MODEL, lambda x: x.update({NAMES: 1}))),
        of("whole numbers as weights", entry(dtype="I32"), HEAD),
        of("NaN", number_in(MODEL, WORDS, float("nan")), "word_embeddings"),
        of("infinite", number_in(MODEL, WORDS, float("inf")), "word_embeddings"),
        of("huge", number_in(MODEL, WORDS, -1e30), "word_embeddings"),
        of("a layer is missing", bytes_of(MODEL, without_layer), "layer.1"),
        of(
            "a further tensor",
            header_of(
                MODEL,
                lambda x: x.update(more={"dtype": "U8", "shape": [8], "data_offsets": _next(x, 8)}),
                b"01234567",
            ),
        ),
    ]


def _next(header: Mapping[str, Any], size: int) -> list[int]:
    end = max(x["data_offsets"][1] for name, x in header.items() if name != "__metadata__")
    return [end, end + size]


def _beside() -> list[Hostile]:
    def told(file: str, key: str, change: Callable[[Any], object]) -> Change:
        """Change the JSON in the metadata of a safetensors file."""

        def changed(header: dict[str, Any]) -> None:
            values = json.loads(header["__metadata__"][key])
            values = change(values) or values
            text = values if isinstance(values, str) else json.dumps(values)
            header["__metadata__"][key] = text

        return header_of(file, changed)

    found = [
        Hostile(
            "an adapter",
            "adapter_config.json",
            put("adapter_config.json", b'{"peft_type": "LORA"}'),
        ),
        Hostile("a pickled adapter", "adapter_model.bin", put("adapter_model.bin", PICKLE)),
        Hostile("weights beside", "more.safetensors", put("more.safetensors", PICKLE)),
        Hostile(
            "an index of weights",
            "model.safetensors.index.json",
            put("model.safetensors.index.json", b'{"weight_map": {"a": "../x.safetensors"}}'),
        ),
        Hostile(
            "pickled weights alone",
            MODEL,
            lambda x: (x / MODEL).rename(x / "pytorch_model.bin"),
        ),
    ]
    for name, tensor in (("ngrams", "idf"), ("neighbours", "vectors"), ("aspects", "weights")):
        file = f"{name}.safetensors"
        found += [
            Hostile(f"{file}: NaN", file, number_in(file, tensor, float("nan"))),
            Hostile(f"{file}: huge", file, number_in(file, tensor, 60_000.0)),
            Hostile(
                f"{file}: another shape",
                file,
                header_of(file, lambda x, tensor=tensor: x[tensor]["shape"].reverse()),  # type: ignore[misc]
            )
            if name != "ngrams"
            else Hostile(
                f"{file}: another shape",
                file,
                header_of(file, lambda x: x["idf"]["shape"].append(1)),
            ),
            Hostile(
                f"{file}: a tensor has another name",
                file,
                header_of(file, lambda x, tensor=tensor: x.update(odd=x.pop(tensor))),  # type: ignore[misc]
            ),
            Hostile(f"{file}: missing", file, lambda x, file=file: (x / file).unlink()),  # type: ignore[misc]
        ]
    heads, known = "aspects.safetensors", "neighbours.safetensors"
    return [
        *found,
        Hostile(f"{heads}: deep", heads, told(heads, "heads", lambda _: DEEP)),
        Hostile(
            f"{heads}: an answer controls the terminal",
            heads,
            told(heads, "heads", lambda x: x["questions"][0]["answers"].__setitem__(0, NAMES)),
        ),
        Hostile(
            f"{heads}: answers are one text",
            heads,
            told(heads, "heads", lambda x: x["questions"][0].update(answers="abc")),
        ),
        Hostile(
            f"{heads}: a threshold of 10**400",
            heads,
            told(heads, "heads", lambda _: f'{{"questions": [], "threshold": {DIGITS}}}'),
            "threshold",
        ),
        Hostile(f"{heads}: a list", heads, told(heads, "heads", lambda _: "[1]")),
        Hostile(f"{known}: deep", known, told(known, "families", lambda _: DEEP)),
        Hostile(f"{known}: fewer families", known, told(known, "families", lambda _: '["a"]')),
        Hostile(f"{known}: families are a number", known, told(known, "families", lambda _: "7")),
    ]


def _engine() -> list[Hostile]:
    def of(name: str, change: Change, says: str = "") -> Hostile:
        return Hostile(f"openvino.xml: {name}", XML, change, says, engine="openvino")

    entity = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    return [
        of("another format", put(XML, b"\x08\x07\x12\x07pytorch:data\x0a" + PICKLE)),
        of("a pipe", replaced(XML, pipe)),
        of("a link to an endless file", replaced(XML, lambda x: x.symlink_to("/dev/zero"))),
        of("an entity", text_in(XML, "<net", f"{entity}<net")),
        of("cut", bytes_of(XML, lambda x: x[: len(x) // 2])),
        of("a state", text_in(XML, 'type="Tanh"', 'type="ReadValue"'), "ReadValue"),
        of("an unknown operation", text_in(XML, 'type="Tanh"', 'type="Evil"'), "Evil"),
        of("a constant behind the weights", text_in(XML, 'offset="0"', 'offset="999999999"')),
        of("a constant of 10**400 bytes", text_in(XML, 'offset="0"', f'offset="{DIGITS}"')),
        of("absurd shapes", text_in(XML, 'shape="3, 32"', 'shape="300000000, 32"')),
        of("fewer positions", text_in(XML, '<positions value="64"', '<positions value="8"')),
        of("no positions", text_in(XML, '<positions value="64"', '<positions value="x"')),
        of("other outputs", text_in(XML, 'output_names="pooled"', 'output_names="other"')),
        Hostile(
            "openvino.bin: other numbers",
            "",
            bytes_of("openvino.bin", lambda x: bytes(len(x))),
            engine="openvino",
        ),
        Hostile(
            "openvino.bin: a pipe",
            "openvino.bin",
            replaced("openvino.bin", pipe),
            engine="openvino",
        ),
    ]


HOSTILE = (
    *_files(),
    *_manifest(),
    *_config(),
    *_tokenizer(),
    *_weights(),
    *_beside(),
    *_engine(),
)
"""Each must be refused."""

ALLOWED: Mapping[str, Change] = {
    "pickles beside": lambda x: [
        put(name, PICKLE)(x)
        for name in ("pytorch_model.bin", "tokenizer.pkl", "model.joblib", "m.pt")
    ],
    "code beside": put("modeling_evil.py", b"raise SystemExit('was run')"),
    "a chat template": put("chat_template.jinja", b"{{ evil }}"),
    "a chat template in tokenizer_config.json": json_of(
        TOKENIZER, lambda x: x.update(chat_template="{{ evil }}")
    ),
    "a zip": lambda x: zipped(x / "weights.zip"),
    "unknown settings": json_of(CONFIG, lambda x: x.update(trust_remote_code=True, return_dict=7)),
}
"""What is never read, or not used: the model computes the same."""
