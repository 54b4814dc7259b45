-- Takes every token with it. A server of the version before asks nobody for one.
DROP TABLE auth_grants, auth_grants_version;
