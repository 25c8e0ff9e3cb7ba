// Each marked line must not compile.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

const client = createClient<paths>({ baseUrl: "http://127.0.0.1" });

await client.POST("/api/v1/auth/login", { body: { username: "ada", pasword: "x" } }); // a misspelt member
await client.POST("/api/v1/auth/login", { body: { username: "ada" } }); // a member that is missing
await client.POST("/api/v1/auth/login", { body: { username: 1, password: "x" } }); // a member of another type
await client.GET("/api/v1/users/you"); // a path that is not there
await client.DELETE("/api/v1/users/me/sessions/{sid}", {}); // no value for what stands in the path
await client.GET("/api/v1/users/me/sessions", { params: { query: { limits: 1 } } }); // a parameter that is not there

const { data } = await client.GET("/api/v1/users/me");
const email: string = data!.email; // it may be null
const password: unknown = data!.password; // a member that no answer has

type Code = components["responses"]["401.invalid_credentials"]["content"]["application/problem+json"]["code"];
const code: Code = "wrong_password"; // a code that this answer does not have
console.log(email, password, code);
