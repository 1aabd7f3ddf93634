// One scenario with Bytez's SDK for JavaScript: node bytez.mjs URL KEY MODEL run|stream|list prints what it saw.
import Bytez from "bytez.js";

const [url, key, id, what] = process.argv.slice(2);
const HOME = "http://localhost:8080";
const hosts = new Set();
const { fetch } = globalThis;
// The SDK knows two fixed hosts only; the tests' emulators have ports of their own.
globalThis.fetch = (address, options) => {
  hosts.add(new URL(address).origin);
  return fetch(address.replace(HOME, url), options);
};

const bytez = new Bytez(key, true);
const input = [{ role: "user", content: "Hello" }];

async function found() {
  if (what === "list") return bytez.list.models({ modelId: id });
  const answer = await bytez.model(id).run(input, { max_new_tokens: 200 }, what === "stream");
  if (what !== "stream" || answer.error) return answer;
  const pieces = [];
  for await (const piece of answer) pieces.push(piece);
  return { error: null, output: pieces.join("") };
}

const { error = null, output = null } = await found();
console.log(JSON.stringify({ error, output, hosts: [...hosts] }));
