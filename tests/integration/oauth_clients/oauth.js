// What oauth4webapi and jose do with the token endpoint: find it, get, refresh, verify, revoke.
import { createRemoteJWKSet, jwtVerify } from "jose";
import * as oauth from "oauth4webapi";

const [issuer, password, service, algorithm] = process.argv.slice(2);
const http = { [oauth.allowInsecureRequests]: true };
const client = { client_id: "notes" };
const resource = new URL(`${issuer}/me`);

/** The code of the error that a call must end in. */
async function refused(call) {
  try {
    await call();
  } catch (error) {
    if (error instanceof oauth.ResponseBodyError) return error.error;
    if (error instanceof oauth.WWWAuthenticateChallengeError) return error.cause[0].parameters.error;
    return error.code;
  }
  throw new Error("Nothing was refused.");
}

async function discover() {
  const found = await oauth.resourceDiscoveryRequest(new URL(issuer), http);
  const api = await oauth.processResourceDiscoveryResponse(new URL(issuer), found);
  const where = new URL(api.authorization_servers[0]);
  const answer = await oauth.discoveryRequest(where, { ...http, algorithm: "oauth2" });
  return oauth.processDiscoveryResponse(where, answer);
}

async function logIn(server, typed) {
  const form = { username: "ada", password: typed };
  const request = oauth.genericTokenEndpointRequest(server, client, oauth.None(), "password", form, http);
  return oauth.processGenericTokenEndpointResponse(server, client, await request);
}

async function refresh(server, token) {
  const answer = await oauth.refreshTokenGrantRequest(server, client, oauth.None(), token, http);
  return oauth.processRefreshTokenResponse(server, client, answer);
}

async function introspect(server, token, secret) {
  const auth = (_server, _client, _body, headers) => headers.set("authorization", `Bearer ${secret}`);
  const answer = await oauth.introspectionRequest(server, client, auth, token, http);
  return oauth.processIntrospectionResponse(server, client, answer);
}

async function revoke(server, token) {
  const answer = await oauth.revocationRequest(server, client, oauth.None(), token, http);
  await oauth.processRevocationResponse(answer);
}

async function me(token) {
  const answer = await oauth.protectedResourceRequest(token, "GET", resource, undefined, null, http);
  return (await answer.json()).username;
}

const request = (token) => new Request(resource, { headers: { authorization: `Bearer ${token}` } });
const validate = (server, token, audience) =>
  oauth.validateJwtAccessToken(server, request(token), audience, { ...http, signingAlgorithms: [algorithm] });

const server = await discover();
const wrong = await refused(() => logIn(server, "wrong"));
const first = await logIn(server, password);
const tokens = await refresh(server, first.refresh_token);
const claims = await validate(server, tokens.access_token, issuer);
const audience = await refused(() => validate(server, tokens.access_token, "https://other.example"));

const keys = createRemoteJWKSet(new URL(server.jwks_uri));
const expected = { issuer, audience: issuer, typ: "at+jwt", algorithms: [algorithm] };
const verified = await jwtVerify(tokens.access_token, keys, expected);
const [head, body, signature] = tokens.access_token.split(".");
const changed = `${head}.${body}.${signature.slice(0, -8)}AAAAAAAA`;
const forged = await refused(() => jwtVerify(changed, keys, expected));

const username = await me(tokens.access_token);
const before = await introspect(server, tokens.access_token, service);
const stranger = await refused(() => introspect(server, tokens.access_token, "wrong"));
await revoke(server, tokens.refresh_token);
const after = await introspect(server, tokens.access_token, service);

console.log(
  JSON.stringify({
    username,
    client: claims.client_id,
    subject: claims.sub === verified.payload.sub,
    algorithm: verified.protectedHeader.alg,
    active: [before.active, before.client_id, after.active],
    refused: {
      wrong,
      audience,
      forged,
      stranger,
      refresh: await refused(() => refresh(server, tokens.refresh_token)),
      access: await refused(() => me(tokens.access_token)),
    },
  }),
);
