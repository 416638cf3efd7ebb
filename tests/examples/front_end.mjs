// Evaluates lines of standard input where the front end of the example is, with a jar of cookies.
import { createHmac } from "node:crypto";
import { createInterface } from "node:readline";

const [script, api] = process.argv.slice(2);
const jar = new Map();
const plain = globalThis.fetch;

globalThis.fetch = async (address, { headers, ...options } = {}) => {
  const cookie = [...jar].map((pair) => pair.join("=")).join("; ");
  const response = await plain(address, { ...options, headers: { ...headers, cookie } });
  for (const line of response.headers.getSetCookie()) {
    const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
    if (value) jar.set(name, value);
    else jar.delete(name);
  }
  return response;
};

const { frontEnd } = await import(script);
let asked = [];
let typed = [];

// The code that an authenticator app shows (RFC 6238).
function codeOf(secret) {
  const bits = [...secret].map((letter) =>
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0"));
  const key = Buffer.from(bits.join("").match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000)));
  const digest = createHmac("sha1", key).update(step).digest();
  const number = digest.readUInt32BE(digest.at(-1) & 15) & 0x7fffffff;
  return String(number % 1000000).padStart(6, "0");
}

// Types what the test prepared. Without anything left, the user cancels.
async function ask(action, { error, ...details }) {
  asked.push({ action, error: error?.code ?? null, seconds: error?.seconds ?? 0, ...details });
  const next = typed.shift();
  if (next === undefined) throw new Error("Cancelled.");
  if (next.scan) return { code: codeOf(details.secret) };
  if (next.send) await details.sendCode(next.send);
  return next.send ? typed.shift() : next;
}

globalThis.history = { replaceState: (_, __, path) => (location.shown = path) };
Object.assign(globalThis, {
  start: (given) => ([asked, typed] = [[], given]),
  open: (address) => (globalThis.location = new URL(address, "http://localhost:8000")),
  ...(await frontEnd(ask, api)),
});

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = { done: (await eval(line)) ?? null };
  } catch ({ status, code, seconds, message }) {
    answer = { status: status ?? null, code, seconds, message };
  }
  console.log(JSON.stringify({ ...answer, asked }));
}
