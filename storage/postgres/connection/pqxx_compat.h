#ifndef AUTHSTATE_STORAGE_POSTGRES_CONNECTION_PQXX_COMPAT_H_
#define AUTHSTATE_STORAGE_POSTGRES_CONNECTION_PQXX_COMPAT_H_

#include <cstddef>
#include <exception>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <vector>

// Every difference between the libpqxx of Debian 12 (6.4), Ubuntu 24.04 (7.8) and Debian 13 (7.10) that we meet.
namespace authstate::storage::pqxx_compat {

// Connects at once. Throws what libpqxx throws.
inline std::unique_ptr<pqxx::connection> Connect(const std::string& conninfo) {
  auto connection = std::make_unique<pqxx::connection>(conninfo);
#if PQXX_VERSION_MAJOR < 7
  // 6.x would connect again by itself and so hide that a statement was lost. Deprecated there, and the only way.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  connection->inhibit_reactivation(true);
#pragma GCC diagnostic pop
#endif
  return connection;
}

#if PQXX_VERSION_MAJOR < 7

// Every parameter in binary format.
inline std::vector<pqxx::binarystring> Binary(const std::vector<std::string>& parameters) {
  std::vector<pqxx::binarystring> binary;
  binary.reserve(parameters.size());
  for (const std::string& parameter : parameters) binary.emplace_back(parameter);
  return binary;
}

#else

inline pqxx::params Binary(const std::vector<std::string>& parameters) {
  pqxx::params binary;
  binary.reserve(parameters.size());
  for (const std::string& parameter : parameters) {
    binary.append(
        std::basic_string_view<std::byte>(reinterpret_cast<const std::byte*>(parameter.data()), parameter.size()));
  }
  return binary;
}

#endif

// Runs one statement by itself, every parameter in binary format.
inline pqxx::result Execute(pqxx::connection& connection, const char* sql, const std::vector<std::string>& parameters) {
  pqxx::nontransaction transaction(connection);
  if (parameters.empty()) return transaction.exec(sql);
#if PQXX_VERSION_MAJOR < 7
  const auto binary = Binary(parameters);
  return transaction.exec_params(sql, pqxx::prepare::make_dynamic_params(binary));
#elif PQXX_VERSION_MAJOR > 7 || PQXX_VERSION_MINOR >= 10
  return transaction.exec(sql, Binary(parameters));
#else
  return transaction.exec_params(sql, Binary(parameters));
#endif
}

// Gives a statement a name on this connection. 6.x sends it to the server with its first execution, 7.x at once.
inline void Prepare(pqxx::connection& connection, const std::string& name, const char* sql) {
  connection.prepare(name, sql);
}

// Execute, of a statement that was prepared.
inline pqxx::result ExecutePrepared(pqxx::connection& connection, const std::string& name,
                                    const std::vector<std::string>& parameters) {
  pqxx::nontransaction transaction(connection);
#if PQXX_VERSION_MAJOR < 7
  const auto binary = Binary(parameters);
  return transaction.exec_prepared(name, pqxx::prepare::make_dynamic_params(binary));
#elif PQXX_VERSION_MAJOR > 7 || PQXX_VERSION_MINOR >= 10
  return transaction.exec(pqxx::prepped{name}, Binary(parameters));
#else
  return transaction.exec_prepared(name, Binary(parameters));
#endif
}

// The SQLSTATE of an error; empty when it did not come from the server. Of some errors only their classes tell it: in
// every version a missing right has none, and a server without a connection to spare is a lost connection; to 6.x a
// transaction that was rolled back is no sql_error.
inline std::string SqlStateOf(const std::exception& error) {
  const auto* const sql_error = dynamic_cast<const pqxx::sql_error*>(&error);
  if (sql_error != nullptr && !sql_error->sqlstate().empty()) return sql_error->sqlstate();
  if (dynamic_cast<const pqxx::insufficient_privilege*>(&error) != nullptr) return "42501";
  if (dynamic_cast<const pqxx::too_many_connections*>(&error) != nullptr) return "53300";
  if (dynamic_cast<const pqxx::serialization_failure*>(&error) != nullptr) return "40001";
  if (dynamic_cast<const pqxx::deadlock_detected*>(&error) != nullptr) return "40P01";
  if (dynamic_cast<const pqxx::statement_completion_unknown*>(&error) != nullptr) return "40003";
  if (dynamic_cast<const pqxx::transaction_rollback*>(&error) != nullptr) return "40000";
  return "";
}

}  // namespace authstate::storage::pqxx_compat

#endif  // AUTHSTATE_STORAGE_POSTGRES_CONNECTION_PQXX_COMPAT_H_
