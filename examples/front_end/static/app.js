// Login, second factor, step-up, waiting, links in mails. `ask` shows the forms.
const again = [
  "captcha_failed",
  "captcha_required",
  "invalid_code",
  "invalid_credentials",
  "wrong_confirmation",
];
const signedOut = ["not_authenticated", "invalid_session"];
const mailed = {
  "verify-email": "verify_email",
  "reset-password": "reset_password",
  "change-email": "confirm_email_change",
  "undo-email": "undo_email_change",
};

export class Refused extends Error {
  constructor({ status, headers }, problem) {
    const { detail, code } = problem;
    const messages = Array.isArray(detail) ? detail.map(({ msg }) => msg) : [detail ?? code];
    super(messages.join(" "));
    const seconds = Number(headers.get("Retry-After")); // of a 429 or a 503, else 0
    Object.assign(this, { status, code, problem, seconds });
  }
}

export async function frontEnd(ask, api = "") {
  async function send(method, href, body, headers = {}) {
    const response = await fetch(api + href, {
      method,
      body: body && JSON.stringify(body),
      headers: { "Content-Type": "application/json", ...headers },
      credentials: "include",
    });
    const isEmpty = response.status === 204;
    const answer = isEmpty ? {} : await response.json().catch(() => ({}));
    if (!response.ok) throw new Refused(response, answer);
    return answer;
  }

  const config = await send("GET", "/auth/config");
  const { links } = config;

  // Show a form, and send what the user typed. Show it again if that was wrong.
  async function form(action, details, use) {
    for (let { error } = details; ; ) {
      try {
        return await use(await ask(action, { ...details, error }));
      } catch (refused) {
        const { status, code } = refused;
        const isTooEarly = status === 429 || status === 503;
        const isWrongCode = action === "verify_email" && code === "invalid_ticket";
        const isWrong = status === 422 || isWrongCode || again.includes(code);
        if (!isTooEarly && !isWrong) throw refused;
        error = refused;
      }
    }
  }

  // Have the user do what `next` says.
  async function settle({ next, challenge, ...details }) {
    const { action, href, send_href } = next;
    if (action === "enrol_factor") {
      const enrolment = await request("POST", href);
      const confirm = (typed) => request("POST", links.confirm_totp.href, typed);
      return ask("keep_recovery_codes", await form(action, enrolment, confirm));
    }
    const sendCode = (body) => send("POST", send_href, { challenge, ...body });
    const present = (typed) => send("POST", href, { challenge, ...typed });
    const answer = await form(action, { ...details, sendCode }, present);
    // Two people registered this address: a mail with a link to choose a password is sent.
    if (answer.status === "choose_password") await ask("choose_password", {});
    return answer;
  }

  // Send a request. If the user has to do something first, send it again after that.
  async function request(method, href, body, headers) {
    try {
      return await send(method, href, body, headers);
    } catch (refused) {
      if (refused.problem?.next?.href) await settle(refused.problem);
      else if (signedOut.includes(refused.code)) await logIn();
      else throw refused;
      return request(method, href, body, headers);
    }
  }

  async function logIn(error) {
    const { href, captcha } = links.log_in;
    const submit = ({ captcha: solved, ...typed }) =>
      request("POST", href, typed, solved && { [captcha.header]: solved });
    const answer = await form("log_in", { captcha, error }, submit);
    try {
      return answer.next ? await settle(answer) : answer;
    } catch (refused) {
      if (refused.code !== "invalid_ticket") throw refused;
      return logIn(refused); // the challenge has expired
    }
  }

  // If the link of a mail opened this page, show its form. Only the form sends something.
  async function openMailedLink() {
    const operation = mailed[location.pathname.split("/").at(-1)];
    const token = new URLSearchParams(location.hash.slice(1)).get("token");
    if (!operation || !token) return null;
    history.replaceState(null, "", location.pathname); // hide the secret
    const use = (typed) => request("POST", links[operation].href, { token, ...typed });
    return form(operation, {}, use);
  }

  return { config, form, request, logIn, openMailedLink };
}
