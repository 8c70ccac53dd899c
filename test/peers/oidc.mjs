// A real authorization server (panva's oidc-provider) for the tests of the sign-ins; its argument is the port on
// 127.0.0.1. The person is a robot that allows everything, unless told otherwise with POST /test/set.
//
//   POST /test/set {deny, accessTTL, deviceTTL, fail, slow}
//                                                  deny: the person declines · accessTTL, deviceTTL: seconds of a token
//                                                  fail: what happens to the next token requests, see below · slow: ms
//   GET  /test/stats                               what the server did so far
import http from 'node:http';
import { Provider } from 'oidc-provider';

const state = { deny: false, accessTTL: 3600, deviceTTL: 600, fail: [], slow: 0 };
const stats = { codes: 0, refreshes: 0, devices: 0, errors: {}, revokedGrants: 0, spoiled: 0 };

const server = http.createServer();
server.listen(Number(process.argv[2]), '127.0.0.1', () => start(server.address().port));

function start(port) {
  const issuer = `http://127.0.0.1:${port}`;
  const grants = ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'];
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: 'gateway', client_name: 'Gateway', application_type: 'native', token_endpoint_auth_method: 'none',
        grant_types: grants, response_types: ['code'],
        redirect_uris: ['http://localhost/callback', 'http://127.0.0.1/callback', `${issuer}/test/shown`],
      },
      {
        client_id: 'company', client_secret: 'FAKE-client-secret-for-tests', application_type: 'native',
        token_endpoint_auth_method: 'client_secret_basic', grant_types: grants, response_types: ['code'],
        redirect_uris: ['http://localhost/callback'],
      },
    ],
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false }, deviceFlow: { enabled: true }, revocation: { enabled: true }, introspection: { enabled: true } },
    rotateRefreshToken: true,
    issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
    ttl: { AccessToken: () => state.accessTTL, DeviceCode: () => state.deviceTTL, Grant: 86400, IdToken: 3600, Interaction: 600, RefreshToken: 86400, Session: 86400 },
    claims: { openid: ['sub'], email: ['email'], profile: ['name'] },
    conformIdTokenClaims: false,
    findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, email: `${id}@example.org`, name: id }) }),
    interactions: { url: (ctx, interaction) => `/test/person/${interaction.uid}` },
    cookies: { keys: ['test'] },
  });
  provider.on('grant.success', (ctx) => {
    const type = ctx.oidc.params.grant_type;
    if (type === 'authorization_code') stats.codes++;
    else if (type === 'refresh_token') stats.refreshes++;
    else stats.devices++;
  });
  provider.on('grant.error', (ctx, err) => { stats.errors[err.error] = (stats.errors[err.error] ?? 0) + 1; });
  provider.on('grant.revoked', () => { stats.revokedGrants++; });
  const handle = provider.callback();

  server.on('request', async (req, res) => {
    const url = new URL(req.url, issuer);
    try {
      if (url.pathname === '/test/set') {
        Object.assign(state, JSON.parse(await body(req)));
        return res.end('{}');
      }
      if (url.pathname === '/test/stats') return res.end(JSON.stringify(stats));
      if (url.pathname === '/test/shown') return res.end('the code is in the address');
      if (url.pathname.startsWith('/test/person/')) return await person(provider, req, res);
      if (url.pathname === '/token' && await spoiled(req, res)) return undefined;
    } catch (err) {
      res.statusCode = 500;
      return res.end(String(err));
    }
    return handle(req, res);
  });
}

// person signs in and allows what is asked, or declines.
async function person(provider, req, res) {
  const { prompt, params, session } = await provider.interactionDetails(req, res);
  if (state.deny) {
    return provider.interactionFinished(req, res, { error: 'access_denied', error_description: 'the person declined' });
  }
  if (prompt.name === 'login') {
    return provider.interactionFinished(req, res, { login: { accountId: 'ann' } });
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope ?? 'openid');
  return provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } });
}

// spoiled does to a token request what is next in state.fail; true: the request is answered.
//   "503"  refused before it is looked at    "hang"  no answer, and not looked at
//   "lose" done, and the connection cut before the answer    "cut"  done, and half of the answer sent
async function spoiled(req, res) {
  if (state.slow > 0) await new Promise((ok) => { setTimeout(ok, state.slow); });
  const how = state.fail.shift();
  if (!how) return false;
  stats.spoiled++;
  if (how === '503') {
    res.statusCode = 503;
    res.end('<html>FAKE-leaked-by-the-server');
    return true;
  }
  if (how === 'hang') return true;
  const end = res.end.bind(res);
  res.end = (data, ...rest) => {
    if (how === 'lose') return res.destroy();
    res.removeHeader('content-length');
    const half = String(data).slice(0, String(data).length / 2);
    return end(half, ...rest);
  };
  return false;
}

async function body(req) {
  const parts = [];
  for await (const p of req) parts.push(p);
  return Buffer.concat(parts).toString();
}
