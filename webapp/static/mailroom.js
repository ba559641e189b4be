// Niceties. Every page works without them.
"use strict";

// A click more while a form is on its way sends it once. The button is not disabled, so its
// name is still sent; coming back with the browser's button frees the form again.
const sent = new WeakMap();
const PATIENCE_MS = 10_000;

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.submitter?.formMethod === "dialog" || form.method === "dialog") return;
  if (Date.now() - (sent.get(form) ?? -PATIENCE_MS) < PATIENCE_MS) {
    event.preventDefault();
    return;
  }
  sent.set(form, Date.now());
  event.submitter?.setAttribute("aria-disabled", "true");
});

addEventListener("pageshow", () => {
  for (const form of document.forms) sent.delete(form);
  for (const button of document.querySelectorAll("button[aria-disabled]")) button.removeAttribute("aria-disabled");
});

document.addEventListener("click", (event) => {
  const target = event.target.closest("[data-dismiss], [data-reveal], [data-copy]");
  if (target?.hasAttribute("data-dismiss")) target.closest(".alert").remove();
  else if (target?.hasAttribute("data-reveal")) reveal(target);
  else if (target?.hasAttribute("data-copy")) copy(target);
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  const menu = document.querySelector("details.menu[open]");
  if (event.key !== "Escape" || !menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
});

function reveal(button) {
  const input = document.getElementById(button.dataset.reveal);
  const shown = input.type === "password";
  input.type = shown ? "text" : "password";
  button.setAttribute("aria-pressed", String(shown));
}

async function copy(button) {
  const input = document.getElementById(button.dataset.copy);
  // Kept at the first click: at a second one soon after it, the button still says that it is done.
  button.dataset.label ??= button.textContent;
  try {
    await navigator.clipboard.writeText(input.value);
  } catch {
    // Without https or the permission there is still the selection.
    input.select();
    document.execCommand("copy");
  }
  button.textContent = button.dataset.done;
  setTimeout(() => { button.textContent = button.dataset.label; }, 2000);
}

// Choosing a provider with the mouse or a finger shows its fields at once. With the keyboard one
// moves through all of them on the way, so there the button beside them decides.
for (const cards of document.querySelectorAll(".provider-cards")) {
  const choose = cards.closest("form")?.querySelector("button[name=choose]");
  if (!choose) continue;
  choose.classList.add("visually-hidden-focusable");
  const before = cards.querySelector(":checked");
  cards.addEventListener("click", (event) => {
    if (event.detail > 0 && event.target.matches("input") && event.target !== before) choose.form.requestSubmit(choose);
  });
}

for (const button of document.querySelectorAll("[data-dismiss], [data-reveal], [data-copy]")) button.hidden = false;

// A password is a password again when it is sent, so that no browser remembers it as text.
document.addEventListener("submit", (event) => {
  for (const button of event.target.querySelectorAll("[data-reveal][aria-pressed=true]")) reveal(button);
});

for (const dialog of document.querySelectorAll("dialog.result[open]")) {
  dialog.close();
  // The dialog itself gets the focus, so that it is read from its heading on.
  dialog.autofocus = true;
  dialog.showModal();
}

// Advice on a new password, once one stops typing for a moment. What comes too late is not shown,
// and where nothing comes the rules are on the page already.
const PAUSE_MS = 400;

for (const advice of document.querySelectorAll("[data-advice]")) {
  const input = document.getElementById(advice.dataset.of);
  const before = advice.textContent;
  let pause;
  let asking = new AbortController();

  const say = ({ text, good }) => {
    advice.textContent = text;
    advice.classList.toggle("is-success", good);
  };
  const stop = () => {
    clearTimeout(pause);
    asking.abort();
  };
  input.form.addEventListener("submit", stop);
  input.addEventListener("input", () => {
    stop();
    if (!input.value) say({ text: before, good: false });
    else pause = setTimeout(async () => {
      asking = new AbortController();
      const found = await advised(input, advice.dataset, asking.signal);
      if (found) say(found);
    }, PAUSE_MS);
  });
}

async function advised(input, { advice, email, name }, signal) {
  // On the page that sets Mailroom up, both are typed beside it.
  const fields = input.form.elements;
  const body = new URLSearchParams({
    csrf_token: fields.csrf_token.value,
    password: input.value,
    email: fields.namedItem("email")?.value ?? email,
    name: fields.namedItem("name")?.value ?? name,
  });
  try {
    const answer = await fetch(advice, { method: "POST", body, headers: { Accept: "application/json" }, signal });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

// What was wrong with a field is not shown beside what is typed instead.
document.addEventListener("input", (event) => {
  const field = event.target;
  if (!field.classList?.contains("is-invalid")) return;
  field.classList.remove("is-invalid");
  field.removeAttribute("aria-invalid");
  document.getElementById(`${field.id}-error`)?.remove();
});

// A code that is typed on another device: the page looks for it, and is opened anew when there is news.
// Who has typed something in the meantime opens it when ready for it.
let typed = false;
document.addEventListener("input", () => { typed = true; });

for (const waiting of document.querySelectorAll("[data-waiting]")) {
  const body = new URLSearchParams(new FormData(document.getElementById("device")));
  const ask = async () => {
    if (await stillWaiting(waiting.dataset.waiting, body)) setTimeout(ask, waiting.dataset.every * 1000);
    else if (typed) waiting.querySelector("[data-news]").hidden = false;
    else location.assign(waiting.dataset.then);
  };
  setTimeout(ask, waiting.dataset.every * 1000);
}

async function stillWaiting(address, body) {
  try {
    const answer = await fetch(address, { method: "POST", body, headers: { Accept: "application/json" }, redirect: "manual" });
    // A server that is not available for a moment has no news.
    return answer.status >= 500 || (answer.ok && (await answer.json()).waiting);
  } catch {
    return true;
  }
}
