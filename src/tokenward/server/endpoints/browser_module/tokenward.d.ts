/** The account that is signed in. Times are seconds since 1970. */
export interface User {
  id: string;
  email: string | null;
  username: string | null;
  name: string;
  roles: string[];
  created_at: number;
  updated_at: number;
}

export interface AuthOptions {
  /** The address of the server, as in its setting `issuer`: https, or loopback. */
  issuer: string;
  /** The other origins that the access token is for, such as `https://api.example.com`. The issuer's is one of them. */
  origins?: string[];
}

export type Credentials = { password: string } & (
  | { username: string; email?: never }
  | { email: string; username?: never }
);

export interface AuthEvents {
  /** In this tab or another one; also when the account changes. */
  "signed-in": CustomEvent<{ user: User }>;
  /** `signed_out` where somebody asked for it, `invalid_grant` where the session had ended. */
  "signed-out": CustomEvent<{ code: string }>;
  refreshed: CustomEvent<Record<string, never>>;
  /** A refresh in the background failed and will be tried again. */
  error: CustomEvent<{ error: AuthError }>;
}

export interface Auth extends Omit<EventTarget, "addEventListener" | "removeEventListener"> {
  /** Who is signed in, as far as this page knows: after `signIn`, `restore` or a sign-in in another tab. */
  readonly user: User | null;
  /** Rejects with `invalid_credentials`, `rate_limited`, `cookies_blocked`, `network_error` and others. */
  signIn(credentials: Credentials): Promise<User>;
  /** Finds out who is signed in, as after a reload; null is nobody. */
  restore(): Promise<User | null>;
  /** Like `fetch`, with the access token where it is for that origin; once more after a 401 that refused the token. */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /** An access token that is good for now; another one than `refused`. */
  token(refused?: string): Promise<string>;
  /** Signs out all tabs at once, and then at the server. Rejects if the server could not be told. */
  signOut(): Promise<void>;
  /** Ends the sessions of this account on all devices. */
  signOutEverywhere(): Promise<void>;
  /** Forgets the token and listens to nothing any more; nobody is signed out. */
  close(): void;
  addEventListener<K extends keyof AuthEvents>(
    type: K,
    listener: (event: AuthEvents[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof AuthEvents>(
    type: K,
    listener: (event: AuthEvents[K]) => void,
    options?: boolean | EventListenerOptions,
  ): void;
}

/**
 * What went wrong. `code` is the server's, or of this module: `signed_out`, `network_error`, `cookies_blocked`,
 * `redirect_refused`, `insecure_address`, `bad_answer`.
 */
export declare class AuthError extends Error {
  constructor(
    code: string,
    detail: string,
    more?: { status?: number; retryAfter?: number; cause?: unknown },
  );
  readonly code: string;
  /** For people. */
  readonly detail: string;
  /** Of the answer; 0 where there was none. */
  readonly status: number;
  /** Seconds to wait; 0 where the server did not say. */
  readonly retryAfter: number;
}

export declare function createAuth(options: AuthOptions): Auth;
