// Lets a process use another version of Baileys: whoever imports `baileys` gets the package that AUTHSTATE_E2E_BAILEYS
// names.
import { register } from "node:module";

const hooks = `
  export function resolve(specifier, context, next) {
    return next(specifier === "baileys" ? ${JSON.stringify(process.env.AUTHSTATE_E2E_BAILEYS)} : specifier, context);
  }`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
