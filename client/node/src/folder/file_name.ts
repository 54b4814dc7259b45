// The file names of Baileys' useMultiFileAuthState: a key is in `<type>-<id>.json`, where every `/` was replaced with `__`
// and every `:` with `-`.
//
// That is not reversible in general, so the way back goes by what Baileys (6.7, 7.0) puts into ids of each type:
//   the type     the longest known one that the name begins with (`sender-key-memory-…` is no `sender-key`);
//   the id       as it stands, if it holds neither `__` nor `-`; otherwise
//     app-state-sync-key  is base64, which has no `_` and no `-`: `__` was `/`
//     sender-key          is `<group>::<user>::<device>`: the `--` before user and device were `::`
//     tctoken             is `__index`, or a user's address, whose only `:` is before its device
//     sender-key-memory   is a group's or list's address; `-` stands in old group ids (`<phone>-<time>@g.us`)
// What follows none of these rules is refused, or taken as it stands when the caller says so. authstatectl goes by the same
// rules (client/cli/folder/file_name.h).
import type { Key } from "../gen/authstate/v1/value.js";

export const CREDS_FILE = "creds.json";

export interface FileNameRules {
  /** Key types to know beside those of Baileys. */
  keyTypes: readonly string[];
  /** Where an id cannot be decided, take it as it stands in the file name. */
  literalIds: boolean;
}

const KNOWN_TYPES = [
  ...["app-state-sync-version", "app-state-sync-key", "sender-key-memory", "identity-key", "device-list"],
  ...["lid-mapping", "sender-key", "pre-key", "session", "tctoken"],
];

const SUFFIX = ".json";
const HAS_ESCAPE = /__|-/;
// What file managers add to the name of a copy: `session-1.0 (1).json`. No id of Baileys has any of it.
const OF_A_COPY = /[ ()~]/;
const OLD_GROUP = /^\d+-\d+@g\.us$/;
const SENDER_KEY = /^([^]+)--([^-]+)--(\d+)$/;
const USER_DEVICE = /^(\d+)-(\d+@(?:s\.whatsapp\.net|lid|hosted|hosted\.lid|c\.us))$/;

const escape = (name: string): string => name.replaceAll("/", "__").replaceAll(":", "-");

/** The file of a key, as useMultiFileAuthState names it. Different keys may share a name. */
export const toFileName = ({ type, id }: Key): string => escape(`${type}-${id}${SUFFIX}`);

const isGroup = (id: string): boolean =>
  !id.includes("__") && id.includes("@") && (!id.includes("-") || OLD_GROUP.test(id));

function base64Id(id: string): string | undefined {
  const decoded = id.replaceAll("__", "/");
  return /[-_]/.test(decoded) ? undefined : decoded;
}

function senderKeyId(id: string): string | undefined {
  const [, group = "", user = "", device = ""] = SENDER_KEY.exec(id) ?? [];
  return isGroup(group) && !HAS_ESCAPE.test(user) ? `${group}::${user}::${device}` : undefined;
}

function decideId(type: string, id: string): string | undefined {
  if (OF_A_COPY.test(id)) return undefined;
  if (!HAS_ESCAPE.test(id)) return id;
  switch (type) {
    case "app-state-sync-key":
      return base64Id(id);
    case "sender-key":
      return senderKeyId(id);
    case "tctoken":
      return id === "__index" ? id : USER_DEVICE.test(id) ? id.replace("-", ":") : undefined;
    case "sender-key-memory":
      return isGroup(id) ? id : undefined;
    default:
      return undefined;
  }
}

/** The key of a file that ends with `.json` and is not CREDS_FILE; or the reason why it is that of no key. */
export function fromFileName(file: string, { keyTypes, literalIds }: FileNameRules): Key | string {
  const stem = file.slice(0, -SUFFIX.length);
  const [type] = [...KNOWN_TYPES, ...keyTypes]
    .filter((known) => stem.startsWith(`${escape(known)}-`))
    .sort((one, other) => other.length - one.length);
  if (type === undefined) return "is of no known key type; name the type in keyTypes, or move the file away";
  const text = stem.slice(escape(type).length + 1);
  const id = decideId(type, text);
  if (id === undefined && !literalIds) {
    return OF_A_COPY.test(text)
      ? "has the name of a copy that a file manager made; move it away, or take it as it stands with literalIds"
      : `the id of this ${type} cannot be told from its file name (__ may have been /, - may have been :); literalIds takes it as it stands`;
  }
  const key = { type, id: id ?? text };
  return toFileName(key) === file ? key : "useMultiFileAuthState would not name a file so";
}
