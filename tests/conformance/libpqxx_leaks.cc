// libpqxx 6.4 leaks the PGresult (2 kB) of a statement whose connection broke: what executes or prepares one asks for
// the encoding of the connection, which throws, before it has taken the result over. For every program that uses
// PostgreSQL, as a test of each may break a connection: the leak sanitizer asks for this by name. The library, as not
// all of these functions have names there.
extern "C" const char* __lsan_default_suppressions();                                  // NOLINT
extern "C" const char* __lsan_default_suppressions() { return "leak:libpqxx-6.4\n"; }  // NOLINT
