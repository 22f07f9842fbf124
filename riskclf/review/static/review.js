// The buttons of the page, and its keys. All words and all HTML come from the server; Jinja has
// escaped every value. A key presses the button that bears its action's name, so what cannot be
// pressed cannot be typed either.
"use strict";

(() => {
  const $ = (selector, within = document) => within.querySelector(selector);
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
  const words = document.body.dataset;
  let busy = false;

  // Requests ------------------------------------------------------------------------------------

  async function post(path, body) {
    if (busy) return false;
    busy = true;
    document.body.setAttribute("aria-busy", "true");
    $("#error").textContent = "";
    try {
      const response = await fetch(path, {
        method: "POST",
        headers: { "Content-Type": "application/json", "X-CSRF-Token": $("meta[name=csrf]").content },
        body: JSON.stringify(body),
        redirect: "error",
      });
      const answer = await response.json();
      if (answer.reload) window.location.reload();
      else if (response.ok) show(answer, path === "/api/open" ? "#post" : "[data-focus]");
      else $("#error").textContent = answer.error;
      return response.ok;
    } catch {
      $("#error").textContent = words.offline;
      return false;
    } finally {
      busy = false;
      document.body.removeAttribute("aria-busy");
    }
  }

  function show(answer, focus) {
    $("#main").innerHTML = answer.main;
    $("#status").innerHTML = answer.status;
    $("#done").innerHTML = answer.done;
    $("#said").textContent = answer.said;
    $("[data-contrast]")?.setAttribute("aria-pressed", $("#main").classList.contains("full"));
    showKeys();
    ($(focus, $("#main")) || $("[data-focus]", $("#main")))?.focus();
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      return false;
    }
  }

  // Buttons -------------------------------------------------------------------------------------

  const bodyOf = (element) => JSON.parse(element.dataset.body || "{}");

  async function press(button) {
    const data = button.dataset;
    if (data.dialog) {
      const dialog = $("#" + data.dialog);
      const body = data.body || "{}";
      if (dialog.dataset.body !== body) $("form[data-post]", dialog)?.reset(); // of another case
      dialog.dataset.body = body;
      dialog.showModal();
    } else if ("close" in data) {
      button.closest("dialog").close();
    } else if (data.copyText !== undefined) {
      $("#said").textContent = (await copy(data.copyText)) ? words.copied : "";
    } else if ("contrast" in data) {
      const isFull = $("#main").classList.toggle("full");
      button.setAttribute("aria-pressed", isFull);
    } else if (data.rebind) {
      listenFor(data.rebind);
    } else if (data.post) {
      const copied = "copyDraft" in data ? await copyDraft() : {};
      if (copied) await post(data.post, { ...bodyOf(button), ...copied });
    }
  }

  // First the clipboard, and only then the store: nothing is marked that was not copied.
  async function copyDraft() {
    const draft = $("#drafts input:checked");
    if (!draft) {
      $("#drafts input:enabled")?.focus();
      return null;
    }
    const isCopied = !busy && (await copy($(".text", draft.closest("label")).textContent));
    if (!isCopied) $("#error").textContent = words.uncopied;
    return isCopied ? { template: draft.value } : null;
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button && !button.disabled) press(button);
  });

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (form.method === "dialog") return;
    event.preventDefault();
    if (!form.dataset.post) return;
    const dialog = form.closest("dialog");
    const fields = Object.fromEntries(new FormData(form));
    const body = { ...bodyOf(dialog || form), ...bodyOf(form), ...fields };
    dialog?.close();
    if (await post(form.dataset.post, body)) form.reset(); // else it can be corrected
  });

  // Keys ----------------------------------------------------------------------------------------

  const STORED = "riskclf.keys"; // the only thing that is kept: which key does what
  const defaults = Object.fromEntries($$("[data-rebind]").map((x) => [x.dataset.rebind, x.dataset.code]));
  const UNUSABLE = ["Enter", "NumpadEnter", "Space", "Tab", "Escape", "Backspace"];
  let codes = { ...defaults };
  let areOn = true;
  let listening = "";

  function load() {
    try {
      const stored = JSON.parse(localStorage.getItem(STORED) || "{}");
      areOn = stored.on !== false;
      for (const name of Object.keys(defaults)) {
        if (typeof stored.codes?.[name] === "string") codes[name] = stored.codes[name];
      }
    } catch {
      codes = { ...defaults };
    }
  }

  function save() {
    localStorage.setItem(STORED, JSON.stringify({ on: areOn, codes }));
    showKeys();
  }

  const nameOf = (code) => ({ Slash: "/", Period: ".", Comma: "," })[code] || code.replace(/^(Key|Digit)/, "");

  function showKeys() {
    for (const element of $$("[data-key]")) {
      let key = $("kbd", element);
      if (!key) {
        key = document.createElement("kbd");
        key.setAttribute("aria-hidden", "true");
        element.append(" ", key);
      }
      key.textContent = areOn ? nameOf(codes[element.dataset.key]) : "";
      key.hidden = !areOn;
      if (areOn) element.setAttribute("aria-keyshortcuts", nameOf(codes[element.dataset.key]));
      else element.removeAttribute("aria-keyshortcuts");
    }
    for (const element of $$("[data-rebind]")) {
      $("kbd", element).textContent = nameOf(codes[element.dataset.rebind]);
    }
    $("#keys-on").checked = areOn;
  }

  function listenFor(name) {
    listening = name;
    $("#rebinding").textContent = words.press;
  }

  function rebind(event) {
    if (["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    const name = listening;
    if (event.code !== "Escape" && (UNUSABLE.includes(event.code) || !event.code)) {
      $("#rebinding").textContent = words.unusable;
      return;
    }
    listening = "";
    $("#rebinding").textContent = "";
    if (event.code === "Escape") return;
    const other = Object.keys(codes).find((x) => codes[x] === event.code);
    if (other) codes[other] = codes[name];
    codes[name] = event.code;
    save();
  }

  document.addEventListener(
    "keydown",
    (event) => {
      if (listening) return rebind(event);
      // An input method at work, or a key that is held down, decides nothing. `key` and `keyCode`
      // are not looked at: with a Japanese input method they say "Process", whatever the key.
      if (!areOn || event.isComposing || event.repeat) return;
      if (event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
      if (event.target.closest("textarea, select, [contenteditable], input:not([type=radio])")) return;
      if ($("dialog[open]")) return;
      const name = Object.keys(codes).find((x) => codes[x] === event.code);
      const button = name && $$(`[data-key="${name}"]`).find((x) => !x.disabled);
      if (!button) return;
      event.preventDefault();
      button.click();
      if (button.tagName === "SUMMARY") button.focus();
    },
    true,
  );

  $("#keys-on").addEventListener("change", (event) => {
    areOn = event.target.checked;
    save();
  });
  $("#keys-reset").addEventListener("click", () => {
    codes = { ...defaults };
    save();
  });
  $("#settings").addEventListener("close", () => {
    listening = "";
    $("#rebinding").textContent = "";
  });
  load();
  showKeys();
})();
