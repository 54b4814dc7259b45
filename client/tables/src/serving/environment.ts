// Which database the environment names, by the precedence that authstated has (docs/databases.md).
import { invalidOption } from "../errors.js";
import { DATABASES, type DatabaseName } from "../sending/database.js";

const CHOICE = "AUTHSTATE_BACKEND";
const LEGACY_SWITCH = "USE_LEGACY_SUPABASE";

export const isDatabaseName = (name: string): name is DatabaseName => (DATABASES as readonly string[]).includes(name);

/** Throws where the environment names none: a guess would be what nobody notices for days. */
export function databaseOfEnvironment(environment: NodeJS.ProcessEnv): DatabaseName {
  const choice = environment[CHOICE];
  if (choice !== undefined && choice !== "") {
    if (isDatabaseName(choice)) return choice;
    throw invalidOption(CHOICE, `${choice} has none of the application's tables; name another in \`use\``);
  }
  const legacy = environment[LEGACY_SWITCH];
  if (legacy !== undefined && legacy !== "") return legacy === "false" ? "timeweb" : "supabase";
  const how = `${LEGACY_SWITCH} (false is timeweb, anything else supabase), ${CHOICE}, or \`use\``;
  throw invalidOption("use", `which database serves is not said: set ${how}`);
}
