-- Takes every token with it. A server of the version before asks nobody for one.
DROP TABLE authstate.legacy_grants, authstate.legacy_grants_version;
