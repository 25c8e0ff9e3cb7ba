// A peer of the benchmarks: node oidc-provider with everything in memory, so it pays for no disk.
// Usage: node server.js PORT SESSIONS_FILE COUNT
// It writes COUNT refresh tokens and access tokens to SESSIONS_FILE, then prints "ready http://127.0.0.1:PORT".
import { writeFileSync } from 'node:fs';
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const [port, sessionsFile, count] = [Number(process.argv[2]), process.argv[3], Number(process.argv[4])];
const issuer = `http://127.0.0.1:${port}`;
const API = 'urn:benchmark:api';
const DAY = 86400;

// The library's own memory adapter keeps 1,000 entries and would drop waiting sessions; this one keeps all.
const entries = new Map();
const ofGrant = new Map();
class MemoryAdapter {
  constructor(model) { this.model = model; }
  key(id) { return `${this.model}:${id}`; }
  async upsert(id, payload) {
    const key = this.key(id);
    entries.set(key, payload);
    if (payload.grantId) {
      const keys = ofGrant.get(payload.grantId);
      if (keys) keys.push(key); else ofGrant.set(payload.grantId, [key]);
    }
  }
  async find(id) { return entries.get(this.key(id)); }
  async findByUid(uid) { return [...entries.values()].find((entry) => entry.uid === uid); }
  async findByUserCode() { return undefined; }
  async consume(id) { entries.get(this.key(id)).consumed = Math.floor(Date.now() / 1000); }
  async destroy(id) { entries.delete(this.key(id)); }
  async revokeByGrantId(grantId) {
    for (const key of ofGrant.get(grantId) ?? []) entries.delete(key);
    ofGrant.delete(grantId);
  }
}

const jwk = {
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig',
};
const provider = new Provider(issuer, {
  adapter: MemoryAdapter,
  jwks: { keys: [jwk] },
  clients: [{
    client_id: 'bench',
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: ['https://client.example/callback'],
    response_types: ['code'],
    id_token_signed_response_alg: 'ES256',
  }, {
    client_id: 'bench-machine',
    client_secret: 'bench-machine-secret',
    token_endpoint_auth_method: 'client_secret_post',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    id_token_signed_response_alg: 'ES256',
  }],
  enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => API,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'api', audience: API, accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
  scopes: ['openid', 'offline_access', 'email'],
  claims: { openid: ['sub'], email: ['email'] },
  ttl: { AccessToken: DAY, ClientCredentials: 600, Grant: DAY, RefreshToken: DAY },
  rotateRefreshToken: true,
  findAccount: (ctx, sub) => ({
    accountId: sub,
    claims: () => ({ sub, email: `${sub}@bench.example` }),
  }),
});
provider.on('server_error', (ctx, error) => console.error(error));

// What a sign-in in a browser would have left behind: a grant and its refresh token, which carries no "openid",
// so that a refresh signs one JWT as Tokenward does; and an opaque access token for the userinfo endpoint.
async function mint(number) {
  const accountId = `user${number}`;
  const client = await provider.Client.find('bench');
  const grant = new provider.Grant({ accountId, clientId: 'bench' });
  grant.addOIDCScope('openid offline_access email');
  grant.addResourceScope(API, 'api');
  const grantId = await grant.save();
  const refresh = new provider.RefreshToken({
    accountId, client, grantId, gty: 'authorization_code', scope: 'offline_access api', resource: API, rotations: 0,
    authTime: Math.floor(Date.now() / 1000),
  });
  const access = new provider.AccessToken({
    accountId, client, grantId, gty: 'authorization_code', scope: 'openid email',
  });
  return { refresh_token: await refresh.save(), access_token: await access.save() };
}

const sessions = [];
for (let number = 0; number < count; number += 1) sessions.push(await mint(number));
writeFileSync(sessionsFile, JSON.stringify(sessions));
provider.listen(port, '127.0.0.1', () => console.log(`ready ${issuer}`));
