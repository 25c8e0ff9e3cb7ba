// Signs and verifies with npm packages: `jose`, and for ML-DSA `@noble/post-quantum`, which needs nothing from Node.js.
// One request a line on standard input, one answer a line on standard output, both JSON:
// {"library": "jose", "do": "verify", ...} gives {"ok": ...} or {"error": "..."}. It ends with its input.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import * as mldsa from '@noble/post-quantum/ml-dsa.js'
import * as jose from 'jose'

const bytes = (text) => new TextEncoder().encode(text)
const text = (data) => new TextDecoder().decode(data)

const withJose = {
  make: async ({ alg }) => {
    const key = alg.startsWith('HS')
      ? await jose.generateSecret(alg, { extractable: true })
      : (await jose.generateKeyPair(alg, { extractable: true })).privateKey
    return { ...(await jose.exportJWK(key)), alg }
  },

  sign: async ({ alg, jwk, payload }) => {
    const key = await jose.importJWK(jwk, alg)
    return new jose.CompactSign(bytes(payload)).setProtectedHeader({ alg }).sign(key)
  },

  verify: async ({ alg, jwk, token }) => {
    const key = await jose.importJWK(jwk, alg)
    return text((await jose.compactVerify(token, key, { algorithms: [alg] })).payload)
  },
}

const { encode, decode } = jose.base64url
const scheme = (alg) => {
  const found = mldsa[alg.toLowerCase().replaceAll('-', '_').replace('ml_dsa_', 'ml_dsa')]
  if (!found) throw new jose.errors.JOSENotSupported(alg)
  return found
}

// The package knows no JOSE: what RFC 9964 says about keys and tokens is written out here.
const withNoble = {
  make: ({ alg }) => {
    const seed = crypto.getRandomValues(new Uint8Array(32))
    return { kty: 'AKP', alg, pub: encode(scheme(alg).keygen(seed).publicKey), priv: encode(seed) }
  },

  sign: ({ alg, jwk, payload }) => {
    const keys = scheme(alg).keygen(decode(jwk.priv))
    if (encode(keys.publicKey) !== jwk.pub) throw new Error('the public part is not that of the seed')
    const input = `${encode(JSON.stringify({ alg }))}.${encode(payload)}`
    return `${input}.${encode(scheme(alg).sign(bytes(input), keys.secretKey))}`
  },

  verify: ({ alg, jwk, token }) => {
    const [header, payload, signature] = token.split('.')
    const named = JSON.parse(text(decode(header))).alg
    if (named !== alg || jwk.alg !== alg) throw new Error('another algorithm')
    const right = scheme(alg).verify(decode(signature), bytes(`${header}.${payload}`), decode(jwk.pub))
    if (!right) throw new Error('the signature is wrong')
    return text(decode(payload))
  },
}

const version = (name) =>
  JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version

// The algorithms of the list that a key can be made for.
const offered = (library) => async ({ algorithms }) => {
  const found = []
  for (const alg of algorithms) {
    try {
      await library.make({ alg })
      found.push(alg)
    } catch (error) {
      if (error.code !== 'ERR_JOSE_NOT_SUPPORTED' && error.name !== 'NotSupportedError') throw error
    }
  }
  return found
}

const thumbprint = ({ jwk }) => jose.calculateJwkThumbprint(jwk)
const node = () => process.version
const libraries = {
  jose: { ...withJose, offered: offered(withJose), thumbprint, node, version: () => version('jose') },
  noble: {
    ...withNoble, offered: offered(withNoble), thumbprint, node, version: () => version('@noble/post-quantum'),
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer
  try {
    const request = JSON.parse(line)
    answer = { ok: await libraries[request.library][request.do](request) }
  } catch (error) {
    answer = { error: `${error.name} ${error.code ?? ''}: ${error.message}` }
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`)
}
