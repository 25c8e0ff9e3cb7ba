// Signs in, looks at the account and its sessions, refreshes and signs out, with the types that were generated.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type User = components["schemas"]["User"];

const [baseUrl, username, password] = process.argv.slice(2);
if (baseUrl === undefined || username === undefined || password === undefined) throw new Error("too few arguments");

const client = createClient<paths>({ baseUrl });

const signedIn = await client.POST("/api/v1/auth/login", { body: { username, password } });
if (signedIn.error !== undefined) throw new Error(signedIn.error.code);
const user: User = signedIn.data.user;

const headers = { authorization: `${signedIn.data.token_type} ${signedIn.data.access_token}` };
const me = await client.GET("/api/v1/users/me", { headers });
if (me.error !== undefined) throw new Error(me.error.code);
if (me.data.id !== user.id) throw new Error("somebody else");

// It would be undefined with `delivery: "cookie"`; a body without it is refused.
const fresh = await client.POST("/api/v1/auth/refresh", { body: { refresh_token: signedIn.data.refresh_token ?? null } });
if (fresh.error !== undefined) throw new Error(fresh.error.code);

const sessions = await client.GET("/api/v1/users/me/sessions", { headers, params: { query: { limit: 10 } } });
if (sessions.error !== undefined) throw new Error(sessions.error.code);
const devices: string[] = sessions.data.items.filter((one) => one.current).map((one) => one.device);

const signedOut = await client.POST("/api/v1/auth/logout", { headers });
if (signedOut.error !== undefined) throw new Error(signedOut.error.code);

// The token is refused from the next request on.
const refused = await client.GET("/api/v1/users/me", { headers });
const code: string | undefined = refused.error?.code;

console.log(JSON.stringify({ email: me.data.email, devices, ended: signedOut.data.ended_sessions, code }));
