// Each line with a comment at its end is one that the compiler refuses.
import { createAuth } from "./tokenward.js";

createAuth({}); // no issuer
const auth = createAuth({ issuer: "https://auth.example.com" });
auth.signIn({ username: "ada" }); // no password
auth.signIn({ username: "ada", email: "ada@example.com", password: "" }); // both names
auth.addEventListener("signed-up", () => {}); // no such event
auth.addEventListener("signed-out", (event) => event.detail.user); // no such detail
auth.user.name; // maybe nobody
