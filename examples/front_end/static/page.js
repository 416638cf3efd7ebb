// What the user sees: one dialog for every form that `app.js` asks for, and some buttons.
import { frontEnd } from "./app.js";

const find = (selector) => document.querySelector(selector);
const password = { label: "Password", type: "password", autocomplete: "current-password" };
const newPassword = { label: "New password", type: "password", autocomplete: "new-password" };
const code = { label: "Code", inputMode: "numeric", autocomplete: "one-time-code" };
const email = { label: "E-mail address", type: "email", autocomplete: "email" };
const fields = {
  log_in: { username: { label: "Username or e-mail address", autocomplete: "username" }, password },
  present_factor: { code },
  enrol_factor: { code },
  keep_recovery_codes: {},
  choose_password: {},
  verify_email: { email, code },
  forgot_password: { email },
  change_password: { new_password: newPassword },
  reset_password: { password: newPassword },
};

// Which input a step-up needs: a password will do, unless a second factor is asked for.
const fieldsOf = (action, { acr_values: level }) =>
  fields[action] ?? (action === "reauthenticate" && (level ? { code } : { password })) ?? {};

const say = (text) => (find("#said").textContent = text);

// Show a form. Resolves to what the user typed, and rejects if they cancel.
function ask(action, details) {
  const { error, sendCode, methods } = details;
  const dialog = find("dialog");
  find("[role=alert]").textContent = error?.message ?? "";
  find("#fields").replaceChildren(
    ...shown(action, details),
    ...Object.entries(fieldsOf(action, details)).map(([name, { label, ...rest }]) => {
      const input = Object.assign(document.createElement("input"), { name, required: true }, rest);
      const named = document.createElement("label");
      named.append(label, input);
      return named;
    }),
  );
  const submit = find("dialog button");
  submit.disabled = Boolean(error?.seconds); // a 429: the button waits, the user may cancel
  if (error?.seconds) setTimeout(() => (submit.disabled = false), error.seconds * 1000);
  find("#code").hidden = !sendCode || (action === "present_factor" && !methods.includes("email_code"));
  find("#code").onclick = () =>
    sendCode(action === "present_factor" ? { method: "email_code" } : { email: typed().email })
      .catch((refused) => (find("[role=alert]").textContent = refused.message));
  const typed = () => Object.fromEntries(new FormData(find("dialog form")));
  dialog.dataset.action = action;
  dialog.showModal();
  return new Promise((resolve, reject) => {
    const end = () => delete dialog.dataset.action;
    find("dialog form").onsubmit = () => (end(), resolve(typed()));
    dialog.oncancel = () => (end(), reject(new Error("Cancelled.")));
    find("#cancel").onclick = () => (dialog.close(), dialog.oncancel());
  });
}

// What a form shows above its inputs: a QR code and its secret, recovery codes, or a sentence.
function shown(action, { qr_svg: picture, secret, recovery_codes: codes }) {
  const block = document.createElement("pre");
  if (picture) block.innerHTML = picture; // drawn by the API
  if (action === "choose_password") block.append("We sent you a link to choose a password.");
  block.append(codes ? `Keep these codes:\n${codes.join("\n")}` : secret ?? "");
  return [block];
}

const { api } = document.documentElement.dataset; // the origin of the API, if it is another one
const { config, form, request, logIn, openMailedLink } = await frontEnd(ask, api);
const post = (operation, body) => request("POST", config.links[operation].href, body);
const fill = (operation) => form(operation, {}, (typed) => post(operation, typed));

// Do something, and say what came of it.
const doing = (work, done) => async () => {
  say("");
  try {
    const answer = await work();
    if (answer !== null) say(done ?? answer);
  } catch (refused) {
    say(refused.seconds ? `Try again in ${refused.seconds} seconds.` : refused.message);
  }
};

find("#login").onclick = doing(logIn, "You are logged in.");
find("#transfer").onclick = doing(() => request("POST", "/api/transfer"));
find("#comment").onclick = doing(() => request("POST", "/api/comments"));
find("#quote").onclick = doing(() => request("GET", "/api/quote"));
find("#password").onclick = doing(() => fill("change_password"), "The password is changed.");
find("#forgot").onclick = doing(() => fill("forgot_password"), "Look at your mail.");
find("#logout").onclick = doing(() => post("log_out"), "You are logged out.");
document.body.dataset.ready = "true";
await doing(openMailedLink, "Done.")();
