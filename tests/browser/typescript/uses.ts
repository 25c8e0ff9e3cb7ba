// What a program in TypeScript does with the module.
import { AuthError, createAuth, type User } from "./tokenward.js";

const auth = createAuth({ issuer: "https://auth.example.com", origins: ["https://api.example.com"] });
auth.addEventListener("signed-in", (event) => console.log(event.detail.user.username));
auth.addEventListener("signed-out", (event) => console.log(event.detail.code));
auth.addEventListener("error", (event) => console.log(event.detail.error.retryAfter));
const restored: User | null = await auth.restore();
try {
  const user: User = restored ?? (await auth.signIn({ username: "ada", password: "seven green boats at noon" }));
  const answer: Response = await auth.fetch("https://api.example.com/notes", { method: "DELETE" });
  console.log(user.roles, answer.status, (await auth.token()).length);
} catch (error) {
  if (error instanceof AuthError && error.code === "signed_out") console.log(error.detail);
}
await auth.signOutEverywhere();
