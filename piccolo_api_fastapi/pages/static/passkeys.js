// Passkeys. Without this script, or a browser that supports them, the buttons stay hidden.

// For front ends of your own: `paths` are `{options, finish}`, two routes of the API.
export const isSupported = () =>
  Boolean(window.PublicKeyCredential?.parseRequestOptionsFromJSON && AbortSignal.any);

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

// Password managers stop offering a passkey that the site does not have.
const tell = (kind, ids) => PublicKeyCredential[`signal${kind}`]?.(ids).catch(() => {});
const forget = (rpId, credentialId) => tell("UnknownCredential", { rpId, credentialId });
const keep = ({ rp, user, excludeCredentials: kept }) => tell("AllAcceptedCredentials",
  { rpId: rp.id, userId: user.id, allAcceptedCredentialIds: kept.map((one) => one.id) });

// The forms of the pages, each of which sends what the browser made or signed.
let last = new AbortController();
const start = () => {
  last.abort(); // browsers refuse a second ceremony
  last = new AbortController();
  return last.signal;
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
  const { autofill, cancelled, failed, known, method, options, probe, removed, rpId, unknown } = form.dataset;
  const said = form.querySelector("[role=status]");
  const texts = { NotAllowedError: cancelled, TimeoutError: cancelled, InvalidStateError: known };
  const show = () => {
    form.hidden = false;
    for (const part of document.querySelectorAll("[data-without-passkeys]")) part.hidden = true;
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    said.textContent = "";
    const error = await run(form, { signal: start() }).catch((error) => error);
    if (!error || error.name === "AbortError") return;
    if (error.status === 401 && !method) return form.submit(); // leads to where one logs in
    said.textContent = texts[error.name] ?? failed;
    if (autofill) offer(form);
  });
  if (probe) post(options, {}).then(show, () => {}); // does the user have a passkey?
  else show();
  if (removed) post(options, {}).then((begun) => keep(begun.options)).catch(() => {});
  if (unknown) await forget(rpId, unknown);
  if (autofill) offer(form);
};
if (isSupported()) document.querySelectorAll("form[data-verb]").forEach(wire);
