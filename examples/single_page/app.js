import { createAuth } from "http://127.0.0.1:8080/tokenward.js";

const ISSUER = "http://127.0.0.1:8080";
const auth = createAuth({ issuer: ISSUER });

const find = (id) => document.getElementById(id);
const [status, form, account, sessions, problem, trouble] =
  ["status", "sign-in", "account", "sessions", "problem", "trouble"].map(find);

function show(text) {
  const { user } = auth;
  form.hidden = user !== null;
  account.hidden = user === null;
  status.textContent = user ? `Signed in as ${user.name || user.username || user.email}.` : text;
  problem.textContent = trouble.textContent = "";
  form.elements.password.removeAttribute("aria-invalid");
  if (!user) sessions.replaceChildren();
}

async function list() {
  const answer = await auth.fetch(`${ISSUER}/api/v1/users/me/sessions`);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail);
  sessions.replaceChildren(...body.items.map((one) => {
    const item = document.createElement("li");
    const more = document.createElement("small");
    more.textContent = `since ${new Date(one.created_at * 1000).toLocaleString()}`;
    // As text, never as HTML: a device names itself.
    item.append(one.current ? `${one.device} (this browser)` : one.device, more);
    return item;
  }));
}

// Runs what a button is for, once at a time, and tells what went wrong beside it.
async function run(button, place, work) {
  button.disabled = true;
  place.textContent = "";
  try {
    await work();
  } catch (error) {
    if (error.code !== "signed_out" && error.code !== "invalid_grant") place.textContent = error.message;
  } finally {
    button.disabled = false;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const { username, password } = form.elements;
  run(form.querySelector("button"), problem, async () => {
    try {
      await auth.signIn({ username: username.value, password: password.value });
    } catch (error) {
      password.setAttribute("aria-invalid", "true");
      password.focus();
      throw error;
    }
    form.reset();
  });
});
find("reload").addEventListener("click", (event) => run(event.currentTarget, trouble, list));
find("sign-out").addEventListener("click", (event) => run(event.currentTarget, trouble, () => auth.signOut()));
find("everywhere").addEventListener("click", (event) =>
  run(event.currentTarget, trouble, () => auth.signOutEverywhere()));

// These come from other tabs too.
auth.addEventListener("signed-in", () => {
  show("");
  find("title").focus();
  run(find("reload"), trouble, list);
});
auth.addEventListener("signed-out", ({ detail }) => {
  show(detail.code === "signed_out" ? "You are signed out." : "Your session has ended. Please sign in again.");
  form.elements.username.focus();
});

try {
  if ((await auth.restore()) === null) show("Please sign in.");
} catch (error) {
  show(error.message);
}
