// Which database the environment names, by the precedence that authstated has (docs/databases.md).
import { type DatabaseName, isDatabaseName } from "../database_name.js";
import { invalidOption } from "../errors.js";

const CHOICE = "AUTHSTATE_BACKEND";
const LEGACY_SWITCH = "USE_LEGACY_SUPABASE";

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
