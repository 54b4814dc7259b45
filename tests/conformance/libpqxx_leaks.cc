// libpqxx 6.4 leaks the PGresult (2 kB) of a statement whose connection broke: its exec_params and exec_prepared ask
// for the encoding of the connection, which throws, before they have taken the result over. For the binaries whose
// tests break connections; the leak sanitizer asks for this by name.
extern "C" const char* __lsan_default_suppressions();   // NOLINT
extern "C" const char* __lsan_default_suppressions() {  // NOLINT
  return "leak:pqxx::connection_base::exec_params\nleak:pqxx::connection_base::exec_prepared\n";
}
