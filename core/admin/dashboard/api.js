// The admin API. What it refuses is thrown as a Refusal with its reason.
import { token, askForToken } from "./token.js";

export class Refusal extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? problem?.title ?? `the gateway answered ${status}`);
    this.status = status;
    this.problem = problem;
  }
}

// A header is bytes, one for each character: the token's are those of UTF-8, as in ADMIN_TOKEN.
const bytesOf = (text) => String.fromCharCode(...new TextEncoder().encode(text));

// fetch() with the token, once there is one; asks for it when it is wanted.
export async function fetchWithToken(path, options = {}) {
  for (;;) {
    const headers = new Headers(options.headers);
    const used = token();
    if (used) headers.set("Authorization", `Bearer ${bytesOf(used)}`);
    const response = await fetch(path, { ...options, headers, cache: "no-store" });
    if (response.status !== 401) return response;
    await askForToken(used);
  }
}

const AGAIN = [200, 1000]; // ms

// Reading is tried again where nothing came back: browsers give up requests when an interface of the
// machine comes or goes, as with another network or a container.
async function fetchAgain(path, options) {
  for (const pause of AGAIN) {
    try {
      return await fetchWithToken(path, options);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
  return fetchWithToken(path, options);
}

async function read(response) {
  const isJson = /[/+]json/.test(response.headers.get("Content-Type") ?? "");
  return isJson ? response.json() : response.text();
}

async function call(method, path, json) {
  const options = { method };
  if (json !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(json);
  }
  const response = await (method === "GET" ? fetchAgain : fetchWithToken)(`admin/${path}`, options);
  const answer = await read(response);
  if (!response.ok) throw new Refusal(response.status, answer);
  return answer;
}

export const get = (path) => call("GET", path);
export const post = (path, json) => call("POST", path, json);

// The query string of what is not empty.
export function query(values) {
  const filled = Object.entries(values).filter(([, value]) => value !== "" && value !== null);
  return filled.length ? `?${new URLSearchParams(filled)}` : "";
}
