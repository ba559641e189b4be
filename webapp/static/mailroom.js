// Conveniences: every page works without scripts.
"use strict";

// A second click while a form is being submitted does nothing. The button is not disabled, because then its name
// would not be submitted. Going back in the browser's history makes the form usable again.
const submittedAt = new WeakMap();
const SUBMIT_TIMEOUT_MS = 10_000;

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.submitter?.formMethod === "dialog" || form.method === "dialog") return;
  if (Date.now() - (submittedAt.get(form) ?? -SUBMIT_TIMEOUT_MS) < SUBMIT_TIMEOUT_MS) {
    event.preventDefault();
    return;
  }
  submittedAt.set(form, Date.now());
  event.submitter?.setAttribute("aria-disabled", "true");
  keepPlace(event.submitter);
  waiting = setTimeout(showWaiting, WAITING_AFTER_MS, true);
});

addEventListener("pageshow", makeUsable);

function makeUsable() {
  for (const form of document.forms) submittedAt.delete(form);
  for (const button of document.querySelectorAll("button[aria-disabled]")) button.removeAttribute("aria-disabled");
  clearTimeout(waiting);
  showWaiting(false);
}

// A wait of more than a second shows that something is going on.
const WAITING_AFTER_MS = 1000;
let waiting;

function showWaiting(shown) {
  for (const note of document.querySelectorAll("[data-busy]")) note.textContent = shown ? note.dataset.busy : "";
}

// Leaving a page with edits that are not saved asks first; so does submitting another of its forms. A value is edited if
// it differs from the page's own. A form whose values are not saved although the page has them contains data-unsaved.
addEventListener("beforeunload", (event) => {
  const forms = [...document.querySelectorAll("main.page form[method=post]")];
  if (!forms.some((form) => !submittedAt.has(form) && isEdited(form))) return;
  event.preventDefault();
  // This runs if they stay.
  setTimeout(makeUsable);
});

function isEdited(form) {
  return form.querySelector("[data-unsaved]") !== null || [...form.elements].some((field) => {
    // Browsers fill in passwords by themselves.
    if (field.autocomplete === "current-password" || field.hasAttribute("data-not-saved")) return false;
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.options) return !(field.querySelector("option[selected]") ?? field.options[0]).selected;
    return field.type !== "hidden" && field.defaultValue !== undefined && field.value !== field.defaultValue;
  });
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-dismiss], [data-reveal], [data-copy]");
  if (target?.hasAttribute("data-dismiss")) target.closest(".alert").remove();
  else if (target?.hasAttribute("data-reveal")) reveal(target);
  else if (target?.hasAttribute("data-copy")) copy(target);
  for (const menu of document.querySelectorAll("details:is(.menu, .more)[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  const menu = document.querySelector("details:is(.menu, .more)[open]");
  if (event.key !== "Escape" || !menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

function reveal(button) {
  const input = document.getElementById(button.dataset.reveal);
  const isHidden = input.type === "password";
  input.type = isHidden ? "text" : "password";
  button.setAttribute("aria-pressed", String(isHidden));
}

async function copy(button) {
  const input = document.getElementById(button.dataset.copy);
  // Stored at the first click: soon after it, the button still says "Copied".
  button.dataset.label ??= button.textContent;
  try {
    await navigator.clipboard.writeText(input.value ?? input.textContent);
  } catch {
    // The clipboard needs https and a permission; the selection doesn't.
    if (input.select) input.select();
    else getSelection().selectAllChildren(input);
    document.execCommand("copy");
  }
  button.textContent = button.dataset.done;
  setTimeout(() => { button.textContent = button.dataset.label; }, 2000);
}

// Clicking or tapping a provider shows its fields immediately. With the keyboard, people move through the other
// providers on the way, so there they press the button.
for (const cards of document.querySelectorAll(".provider-cards")) {
  const choose = cards.closest("form")?.querySelector("button[name=choose]");
  if (!choose) continue;
  choose.classList.add("visually-hidden-focusable");
  const chosen = cards.querySelector(":checked");
  cards.addEventListener("click", (event) => {
    if (event.detail > 0 && event.target.matches("input") && event.target !== chosen) choose.form.requestSubmit(choose);
  });
}

for (const button of document.querySelectorAll("[data-dismiss], [data-reveal], [data-copy]")) button.hidden = false;

// Passwords are hidden again before a form is submitted, so that browsers don't remember them as text.
document.addEventListener("submit", (event) => {
  for (const button of event.target.querySelectorAll("[data-reveal][aria-pressed=true]")) reveal(button);
});

// A result is shown over the page as it was left, and closing it returns there.
const PLACE = "place";

function keepPlace(submitter) {
  if (submitter?.closest("dialog")) return;
  const open = [...document.querySelectorAll("main form details:not(.more)")].map((details) => details.open);
  sessionStorage.setItem(PLACE, JSON.stringify({ path: location.pathname, top: scrollY, open, button: submitter?.name }));
}

function returnToPlace() {
  const place = JSON.parse(sessionStorage.getItem(PLACE));
  if (place?.path !== location.pathname) return;
  document.querySelectorAll("main form details:not(.more)").forEach((details, index) => { details.open ||= place.open[index]; });
  scrollTo({ top: place.top, behavior: "instant" });
  document.querySelector(`main form button[name="${place.button}"]:not([aria-hidden])`)?.focus({ preventScroll: true });
}

for (const dialog of document.querySelectorAll("dialog.result[open]")) {
  dialog.close();
  returnToPlace();
  // After a save, which isn't to be repeated by reloading.
  if (dialog.dataset.url) history.replaceState(null, "", dialog.dataset.url);
  // With the focus on the dialog itself, screen readers read it from its heading on.
  dialog.autofocus = true;
  dialog.showModal();
}

// Advice on a new password, after a pause in typing. Late answers are ignored; without any, the page already shows
// the rules.
const TYPING_PAUSE_MS = 400;

for (const advice of document.querySelectorAll("[data-advice]")) {
  const input = document.getElementById(advice.dataset.of);
  const initialText = advice.textContent;
  let timer;
  let request = new AbortController();

  const show = ({ text, good }) => {
    advice.textContent = text;
    advice.classList.toggle("is-success", good);
  };
  const stop = () => {
    clearTimeout(timer);
    request.abort();
  };
  input.form.addEventListener("submit", stop);
  input.addEventListener("input", () => {
    stop();
    if (!input.value) show({ text: initialText, good: false });
    else timer = setTimeout(async () => {
      request = new AbortController();
      const result = await fetchAdvice(input, advice.dataset, request.signal);
      if (result) show(result);
    }, TYPING_PAUSE_MS);
  });
}

async function fetchAdvice(input, { advice, email, name }, signal) {
  // On the setup page, the form has fields for both.
  const fields = input.form.elements;
  const body = new URLSearchParams({
    csrf_token: fields.csrf_token.value,
    password: input.value,
    email: fields.namedItem("email")?.value ?? email,
    name: fields.namedItem("name")?.value ?? name,
  });
  try {
    const response = await fetch(advice, { method: "POST", body, headers: { Accept: "application/json" }, signal });
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

// What shows the progress of something long is loaded again and again. When it has ended, so is the page.
for (const shown of document.querySelectorAll("[data-progress]")) {
  const pause = Number(shown.dataset.progress);
  const update = async () => {
    const fresh = await fetchPart("[data-progress]");
    if (fresh === undefined) setTimeout(update, pause);
    else if (fresh === null) location.reload();
    else {
      shown.replaceChildren(...fresh.childNodes);
      setTimeout(update, pause);
    }
  };
  setTimeout(update, pause);
}

// What waits for somebody else is loaded from its own page every few seconds, for ten minutes, until the wait is over.
for (const shown of document.querySelectorAll("[data-watch]")) {
  let left = 200;
  const update = async () => {
    const fresh = await fetchPart(`#${shown.id}`, shown.dataset.watch);
    if (fresh && !fresh.hasAttribute("data-watch")) shown.replaceChildren(...fresh.childNodes);
    else if (fresh !== null && (left -= 1)) setTimeout(update, 3000);
  };
  setTimeout(update, 3000);
}

// The part of a page as it is now: null if it has none any more, undefined if the server can't say.
async function fetchPart(selector, page = location.href) {
  try {
    const response = await fetch(page);
    if (response.status >= 500) return undefined;
    return new DOMParser().parseFromString(await response.text(), "text/html").querySelector(selector);
  } catch {
    return undefined;
  }
}

// The error of a field disappears when its value is edited.
document.addEventListener("input", (event) => {
  const field = event.target;
  if (!field.classList?.contains("is-invalid")) return;
  field.classList.remove("is-invalid");
  field.removeAttribute("aria-invalid");
  document.getElementById(`${field.id}-error`)?.remove();
});

// While a device code is being entered elsewhere, the page asks for the result and reloads when there is one, unless
// something has been edited: then it shows a link.
for (const code of document.querySelectorAll("[data-waiting]")) {
  const body = new URLSearchParams(new FormData(document.getElementById("device")));
  const poll = async () => {
    if (await isWaiting(code.dataset.waiting, body)) setTimeout(poll, code.dataset.every * 1000);
    else if (isEdited(code.closest("form"))) code.querySelector("[data-news]").hidden = false;
    else location.assign(code.dataset.then);
  };
  setTimeout(poll, code.dataset.every * 1000);
}

async function isWaiting(url, body) {
  try {
    const response = await fetch(url, { method: "POST", body, headers: { Accept: "application/json" }, redirect: "manual" });
    // If the server is briefly unavailable, keep waiting.
    return response.status >= 500 || (response.ok && (await response.json()).waiting);
  } catch {
    return true;
  }
}
