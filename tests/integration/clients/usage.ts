// What an app does with the types of openapi-typescript: log in, pass MFA, refresh, meet a 429.
import createClient from "openapi-fetch";

import type { paths } from "./api.js";

const [address, ...codes] = process.argv.slice(2);
if (address === undefined) throw new Error("Where is the server?");
const client = createClient<paths>({ baseUrl: address });
const form = {
  headers: { "Content-Type": "application/x-www-form-urlencoded" },
  bodySerializer: (body: Record<string, unknown>) => new URLSearchParams(body as Record<string, string>),
};
const ada = { username: "ada", password: "correct horse battery" };
const code = () => {
  const next = codes.shift();
  if (next === undefined) throw new Error("There are no codes left.");
  return next;
};

async function bySession(): Promise<string> {
  const first = await client.POST("/auth/login", { body: ada });
  if (first.data?.status !== "mfa_required") throw new Error("No second factor was asked for.");
  const { challenge } = first.data; // only this body has one
  const second = await client.POST("/auth/login/mfa", { body: { challenge, code: code() } });
  if (second.data === undefined) throw new Error(second.error.detail.toString());
  return second.data.user.username;
}

async function byToken(): Promise<{ access_token: string; refresh_token: string }> {
  const first = await client.POST("/auth/token", { ...form, body: { grant_type: "password", ...ada } });
  if (first.error === undefined || !("challenge" in first.error)) throw new Error("No challenge.");
  const { challenge } = first.error;
  const wrong = await client.POST("/auth/token/mfa", { body: { challenge, code: "000000" } });
  if (wrong.error?.code !== "invalid_code") throw new Error("A wrong code is one.");
  const second = await client.POST("/auth/token/mfa", { body: { challenge, code: code() } });
  if (second.data === undefined) throw new Error(second.error.error_description);
  return second.data;
}

async function refresh(refresh_token: string): Promise<string> {
  const body = { grant_type: "refresh_token", refresh_token };
  const { data, error } = await client.POST("/auth/token", { ...form, body });
  if (data === undefined) throw new Error(error.error_description);
  return data.access_token;
}

async function tooMany(): Promise<string> {
  for (;;) {
    const body = { grant_type: "password", username: "nobody", password: "wrong" };
    const { error, response } = await client.POST("/auth/token", { ...form, body });
    if (error !== undefined && response.status === 429) return error.error;
  }
}

const username = await bySession();
const tokens = await byToken();
const access = await refresh(tokens.refresh_token);
const mfa = await client.GET("/auth/mfa", { headers: { Authorization: `Bearer ${access}` } });
const left = mfa.data?.recovery_codes_left;
console.log(JSON.stringify({ username, left, refused: await tooMany() }));
