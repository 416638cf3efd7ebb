// All of it is optional: the pages work without this script.

// Show what is typed into a password field.
for (const input of document.querySelectorAll("input[data-show]")) {
  const button = document.createElement("button");
  const row = document.createElement("div");
  const name = () => {
    const [word, sentence] = input.dataset[input.type === "password" ? "show" : "hide"].split("|");
    button.textContent = word;
    button.setAttribute("aria-label", sentence);
  };
  row.className = "with-button";
  button.type = "button";
  button.setAttribute("aria-controls", input.id);
  button.addEventListener("click", () => {
    input.type = input.type === "password" ? "text" : "password";
    name();
  });
  name();
  input.before(row);
  row.append(input, button);
  // A password that is shown would be kept by the browser as an ordinary text.
  input.form.addEventListener("submit", () => { input.type = "password"; });

  const warning = document.createElement("p");
  warning.className = "hint";
  warning.setAttribute("role", "status");
  row.before(warning);
  for (const event of ["keydown", "keyup"]) {
    input.addEventListener(event, (pressed) => {
      const on = pressed.getModifierState && pressed.getModifierState("CapsLock");
      warning.textContent = on ? input.dataset.caps : "";
    });
  }
}

// Copy a secret that is shown once.
for (const source of document.querySelectorAll("[data-copy]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = source.dataset.copy;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(source.value ?? source.innerText.trim());
    button.textContent = source.dataset.copied;
    said.textContent = source.dataset.copied;
  });
  const said = document.createElement("span");
  said.className = "visually-hidden";
  said.setAttribute("role", "status");
  source.after(button, said);
}

// Take the secret of a mailed link out of the address. It is spent by the form, not here.
const takeSecret = () => {
  const secret = new URLSearchParams(location.hash.slice(1)).get("token");
  const field = document.querySelector("[data-fragment]");
  if (!secret || !field) return;
  field.value = secret;
  history.replaceState(null, "", location.pathname + location.search);
  for (const part of document.querySelectorAll("[data-without-link]")) part.hidden = true;
  for (const part of document.querySelectorAll("[data-with-link]")) part.hidden = false;
};
takeSecret();
addEventListener("hashchange", takeSecret);

// A second click sends a form no second time.
const sent = new WeakSet();
addEventListener("submit", (event) => {
  const form = event.target;
  if (sent.has(form)) event.preventDefault();
  sent.add(form);
  setTimeout(() => sent.delete(form), 3000);
});
