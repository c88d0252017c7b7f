/** Types of what we use from the standard library; the npm republication of `@std` has none. */

declare module "@std/assert" {
  export function assert(value: unknown, message?: string): asserts value;
  export function assertEquals<T>(actual: T, expected: T, message?: string): void;
  export function assertGreater<T>(actual: T, low: T, message?: string): void;
  export function assertGreaterOrEqual<T>(actual: T, low: T, message?: string): void;
  export function assertLess<T>(actual: T, high: T, message?: string): void;
  export function assertLessOrEqual<T>(actual: T, high: T, message?: string): void;
  export function assertMatch(actual: string, expected: RegExp, message?: string): void;
  export function assertNotEquals<T>(actual: T, expected: T, message?: string): void;
  export function assertStrictEquals<T>(actual: unknown, expected: T, message?: string): void;
  export function assertStringIncludes(actual: string, expected: string, message?: string): void;
  export function assertThrows(
    body: () => unknown,
    // deno-lint-ignore no-explicit-any -- as the original declares it: any constructor of errors
    errorClass?: abstract new (...args: any[]) => Error,
    messageIncludes?: string,
  ): Error;
  export function assertRejects(
    body: () => PromiseLike<unknown>,
    // deno-lint-ignore no-explicit-any -- as above
    errorClass?: abstract new (...args: any[]) => Error,
    messageIncludes?: string,
  ): Promise<Error>;
}

declare module "@std/async" {
  /** Rejects with a TimeoutError when the promise has not settled within `ms`. */
  export function deadline<T>(promise: Promise<T>, ms: number): Promise<T>;
  export function delay(ms: number, options?: { signal?: AbortSignal }): Promise<void>;
}

declare module "@std/http/etag" {
  /** Whether the condition If-None-Match holds: false when the entity is known (weak comparison). */
  export function ifNoneMatch(value: string | null, etag: string | undefined): boolean;
}

declare module "@std/http/negotiation" {
  /** The encoding of these that the request's Accept-Encoding prefers. */
  export function acceptsEncodings(request: Request, ...encodings: string[]): string | undefined;
}

declare module "@std/http/status" {
  export const STATUS_CODE: {
    readonly OK: 200;
    readonly NoContent: 204;
    readonly NotModified: 304;
    readonly BadRequest: 400;
    readonly Unauthorized: 401;
    readonly Forbidden: 403;
    readonly NotFound: 404;
    readonly MethodNotAllowed: 405;
    readonly RequestTimeout: 408;
    readonly ContentTooLarge: 413;
    readonly UnprocessableEntity: 422;
    readonly UpgradeRequired: 426;
    readonly TooManyRequests: 429;
    readonly InternalServerError: 500;
    readonly ServiceUnavailable: 503;
  };
  export const STATUS_TEXT: Readonly<Record<number, string>>;
}

declare module "@std/yaml" {
  /** Parses one document. */
  export function parse(text: string): unknown;
}
