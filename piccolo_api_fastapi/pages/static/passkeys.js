// Passkeys. Without this script, or a browser that knows them, the buttons stay hidden.
// A front end of your own may import these; `paths` has `options` and `finish`, routes of the API.
export const logIn = async (paths, more) => {
  const [signed, { rpId }] = await ceremony("get", paths.options, {}, more);
  return post(paths.finish, signed).catch((error) => {
    if (error.code === "invalid_credentials") forget(rpId, signed.credential.id);
    throw error;
  });
};
export const confirm = async (paths, body = {}, more) =>
  post(paths.finish, (await ceremony("get", paths.options, body, more))[0]);
export const add = async (paths, name, more) =>
  post(paths.finish, { ...(await ceremony("create", paths.options, {}, more))[0], name });
export const isSupported = () =>
  Boolean(window.PublicKeyCredential?.parseRequestOptionsFromJSON && AbortSignal.any);

const post = async (path, body) => {
  const headers = { "Content-Type": "application/json", Accept: "application/json" };
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  const answer = response.status === 204 ? {} : await response.json();
  if (response.ok) return answer;
  throw Object.assign(new Error(answer.detail), answer); // with `status` and `code`
};

const ceremony = async (verb, path, body, { signal, ...more } = {}) => {
  const { challenge = body.challenge, options, expires_in = 300 } = await post(path, body);
  const kind = verb === "get" ? "Request" : "Creation", end = Date.now() + expires_in * 1000;
  const publicKey = PublicKeyCredential[`parse${kind}OptionsFromJSON`](options);
  signal = AbortSignal.any([AbortSignal.timeout(expires_in * 1000), ...(signal ? [signal] : [])]);
  const made = await navigator.credentials[verb]({ ...more, publicKey, signal });
  if (Date.now() > end) throw new DOMException("", "TimeoutError"); // the computer was asleep
  return [{ challenge, credential: made.toJSON() }, options];
};

// Passkeys that the site does not know are no longer offered.
const signal = (kind, ids) => PublicKeyCredential[`signal${kind}`]?.(ids).catch(() => {});
const forget = (rpId, credentialId) => signal("UnknownCredential", { rpId, credentialId });

// The forms of the pages: each sends what the browser made or signed.
let last = new AbortController();
const start = () => {
  last.abort(); // browsers refuse two at once
  return (last = new AbortController()).signal;
};

const run = async (form, more) => {
  const { verb, options, method } = form.dataset, { elements } = form;
  const body = method ? { challenge: elements.challenge.value, method } : {};
  const [{ challenge, credential }] = await ceremony(verb, options, body, more);
  elements.challenge.value = challenge;
  elements.credential.value = JSON.stringify(credential);
  if (elements._credential_id) elements._credential_id.value = credential.id;
  form.submit();
};

const offer = async (form) => {
  if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  const more = { mediation: "conditional", signal: start() };
  while (await run(form, more).catch((error) => error.name === "TimeoutError")); // asks anew
};

const wire = async (form) => {
  const { autofill, method, cancelled, failed, known, options, probe, removed, unknown } = form.dataset;
  const said = form.querySelector("[role=status]");
  const texts = { AbortError: "", NotAllowedError: cancelled, TimeoutError: cancelled, InvalidStateError: known };
  const show = () => {
    form.hidden = false;
    for (const part of document.querySelectorAll("[data-without-passkeys]")) part.hidden = true;
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    said.textContent = "";
    const { name, status } = await run(form, { signal: start() }).catch((error) => error) ?? {};
    if (status === 401 && !method) return form.submit(); // leads to where one logs in or confirms
    if (name) said.textContent = texts[name] ?? failed;
    if (name && name !== "AbortError" && autofill) offer(form);
  });
  if (probe) post(options, {}).then(show, () => {}); // does the user have a passkey?
  else show();
  if (removed) post(options, {}).then(({ options: { rp, user, excludeCredentials } }) =>
    signal("AllAcceptedCredentials", { rpId: rp.id, userId: user.id,
      allAcceptedCredentialIds: excludeCredentials.map((one) => one.id) })).catch(() => {});
  if (unknown) await forget(form.dataset.rpId, unknown);
  if (autofill) offer(form);
};
if (isSupported()) document.querySelectorAll("form[data-verb]").forEach(wire);
