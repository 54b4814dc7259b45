#include "client/cli/stores/whatsmeow.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/cli/check/curve25519.h"
#include "client/cli/folder/byte_fields.h"
#include "client/cli/terminal/output.h"
#include "client/cli/terminal/text.h"
#include "contract/codec.h"

namespace authstate::cli {
namespace {

constexpr absl::string_view kPrefix = "whatsmeow_";
constexpr absl::string_view kKeyTypeByte = "\x05";

constexpr absl::string_view kConverted[] = {"device",
                                            "pre_keys",
                                            "identity_keys",
                                            "app_state_sync_keys",
                                            "app_state_version",
                                            "app_state_mutation_macs",
                                            "privacy_tokens",
                                            "lid_map"};

const std::vector<DumpRow>& Rows(const Dump& dump, absl::string_view table) {
  static const auto* const none = new std::vector<DumpRow>;
  const auto found = absl::c_find_if(dump.tables, [&](const DumpTable& candidate) {
    return absl::StripPrefix(candidate.name, kPrefix) == table && candidate.name.size() > table.size();
  });
  return found == dump.tables.end() ? *none : found->rows;
}

// A BLOB of SQLite, or bytea as PostgreSQL writes it into JSON; "" for anything else.
std::string Bytes(const DumpRow& row, absl::string_view column) {
  const std::string* const cell = row.Find(column);
  if (cell == nullptr) return "";
  if (const std::optional<std::string> bytes = BytesOf(*cell)) return *bytes;
  absl::string_view hex = *cell;
  // The backslash of bytea is escaped, as this is JSON.
  if (!absl::ConsumePrefix(&hex, R"("\\x)") || !absl::ConsumeSuffix(&hex, "\"") || hex.size() % 2 != 0) return "";
  if (!absl::c_all_of(hex, [](unsigned char c) { return absl::ascii_isxdigit(c); })) return "";
  return absl::HexStringToBytes(hex);
}

std::int64_t Integer(const DumpRow& row, absl::string_view column) {
  std::int64_t number = 0;
  return absl::SimpleAtoi(row.Text(column), &number) ? number : 0;
}

Json Buffer(const std::string& bytes) { return {{"type", "Buffer"}, {"data", absl::Base64Escape(bytes)}}; }

// A key that is not 32 bytes long has no pair, which the check of the creds tells by the member's name.
Json KeyPair(const std::string& private_key) {
  const bool whole = private_key.size() == kCurveKeyBytes;
  return {{"private", Buffer(private_key)}, {"public", Buffer(whole ? PublicKeyOf(private_key) : "")}};
}

// `user:device` as Baileys has it.
std::string Address(std::string address) {
  const std::size_t colon = address.rfind(':');
  if (colon != std::string::npos) address[colon] = '.';
  return address;
}

// The rows of a table that are of one device.
std::vector<const DumpRow*> RowsOf(const Dump& dump, absl::string_view table, absl::string_view jid) {
  std::vector<const DumpRow*> rows;
  for (const DumpRow& row : Rows(dump, table)) {
    if (row.Text("jid") == jid || row.Text("our_jid") == jid) rows.push_back(&row);
  }
  return rows;
}

// Collects what one device has.
class Device {
 public:
  Device(const Dump& dump, const DumpRow& device) : dump_(dump), device_(device), jid_(device.Text("jid")) {}

  SessionEntries Read() && {
    ReadPreKeys();
    ReadIdentities();
    ReadAppState();
    ReadMappings();
    ReadTokens();
    session_.entries.push_back({"device", std::nullopt, ToText(Creds())});
    NameTheRest();
    return std::move(session_);
  }

 private:
  void Add(absl::string_view table, absl::string_view type, std::string id, const Json& value) {
    session_.entries.push_back({absl::StrCat(kPrefix, table, " ", id),
                                client::KeyName{std::string(type), std::move(id)}, ToText(value), /*exact=*/true});
  }

  // Whether some of the bytes of an entry are missing or cannot be read: it is named and left out then.
  bool LeavesOut(absl::string_view table, absl::string_view id, const std::vector<std::string>& bytes) {
    if (!absl::c_linear_search(bytes, "")) return false;
    session_.left_out.push_back({absl::StrCat(kPrefix, table, " ", id), "its bytes are missing or cannot be read"});
    return true;
  }

  void ReadPreKeys() {
    for (const DumpRow* const row : RowsOf(dump_, "pre_keys", jid_)) {
      const std::int64_t id = Integer(*row, "key_id");
      next_pre_key_ = std::max(next_pre_key_, id + 1);
      const std::string key = Bytes(*row, "key");
      if (key.size() == kCurveKeyBytes) {
        Add("pre_keys", "pre-key", absl::StrCat(id), KeyPair(key));
      } else {
        session_.left_out.push_back({absl::StrCat(kPrefix, "pre_keys ", id), "its key does not have 32 bytes"});
      }
    }
  }

  void ReadIdentities() {
    for (const DumpRow* const row : RowsOf(dump_, "identity_keys", jid_)) {
      const std::string identity = Bytes(*row, "identity");
      const std::string id = Address(row->Text("their_id"));
      if (LeavesOut("identity_keys", id, {identity})) continue;
      Add("identity_keys", "identity-key", id, Buffer(absl::StrCat(kKeyTypeByte, identity)));
    }
  }

  void ReadAppState() {
    std::int64_t newest = 0;
    for (const DumpRow* const row : RowsOf(dump_, "app_state_sync_keys", jid_)) {
      const std::string id = absl::Base64Escape(Bytes(*row, "key_id"));
      const std::string data = Bytes(*row, "key_data");
      if (LeavesOut("app_state_sync_keys", id, {id, data})) continue;
      const std::int64_t timestamp = Integer(*row, "timestamp");
      Add("app_state_sync_keys", "app-state-sync-key", id,
          {{"keyData", absl::Base64Escape(data)}, {"timestamp", absl::StrCat(timestamp)}});
      if (app_state_key_.empty() || timestamp > newest) {
        newest = timestamp;
        app_state_key_ = id;
      }
    }
    std::map<std::string, Json> index;
    for (const DumpRow* const row : RowsOf(dump_, "app_state_mutation_macs", jid_)) {
      const std::string mac = Bytes(*row, "index_mac");
      const std::string value = Bytes(*row, "value_mac");
      if (LeavesOut("app_state_mutation_macs", row->Text("name"), {mac, value})) continue;
      // Later versions come later by their number, and count.
      Json& entry = index[row->Text("name")][absl::Base64Escape(mac)];
      if (!entry.is_null() && entry["version"] > Integer(*row, "version")) continue;
      entry = {{"version", Integer(*row, "version")}, {"valueMac", Buffer(value)}};
    }
    for (const DumpRow* const row : RowsOf(dump_, "app_state_version", jid_)) {
      const std::string hash = Bytes(*row, "hash");
      if (LeavesOut("app_state_version", row->Text("name"), {hash})) continue;
      Json macs = Json::object();
      for (const auto& [mac, entry] : index[row->Text("name")].items()) macs[mac] = {{"valueMac", entry["valueMac"]}};
      Add("app_state_version", "app-state-sync-version", row->Text("name"),
          {{"version", Integer(*row, "version")}, {"hash", Buffer(hash)}, {"indexValueMap", macs}});
    }
  }

  void ReadMappings() {
    for (const DumpRow& row : Rows(dump_, "lid_map")) {
      const std::string lid = row.Text("lid");
      const std::string number = row.Text("pn");
      Add("lid_map", "lid-mapping", number, number.empty() ? Json() : Json(lid));
      Add("lid_map", "lid-mapping", absl::StrCat(lid, "_reverse"), number);
      lids_[absl::StrCat(number, "@s.whatsapp.net")] = absl::StrCat(lid, "@lid");
    }
  }

  void ReadTokens() {
    // A contact may have two, under its number and its LID: the newer one counts.
    std::map<std::string, const DumpRow*> tokens;
    for (const DumpRow* const row : RowsOf(dump_, "privacy_tokens", jid_)) {
      std::string contact = row->Text("their_jid");
      const auto lid = lids_.find(contact);
      if (lid != lids_.end()) contact = lid->second;
      const DumpRow*& newest = tokens[contact];
      if (newest == nullptr || Integer(*row, "timestamp") > Integer(*newest, "timestamp")) newest = row;
    }
    for (const auto& [contact, row] : tokens) {
      const std::string token = Bytes(*row, "token");
      if (LeavesOut("privacy_tokens", contact, {token})) continue;
      Add("privacy_tokens", "tctoken", contact,
          {{"token", Buffer(token)}, {"timestamp", absl::StrCat(Integer(*row, "timestamp"))}});
    }
  }

  Json Creds() const {
    const std::string lid = device_.Text("lid");
    Json me{{"id", jid_}, {"name", device_.Text("push_name")}};
    if (!lid.empty()) me["lid"] = lid;
    const std::string account_key = Bytes(device_, "adv_account_sig_key");
    const auto base64 = [this](absl::string_view column) { return absl::Base64Escape(Bytes(device_, column)); };
    Json creds{
        {"noiseKey", KeyPair(Bytes(device_, "noise_key"))},
        {"signedIdentityKey", KeyPair(Bytes(device_, "identity_key"))},
        {"signedPreKey",
         {{"keyPair", KeyPair(Bytes(device_, "signed_pre_key"))},
          {"signature", Buffer(Bytes(device_, "signed_pre_key_sig"))},
          {"keyId", Integer(device_, "signed_pre_key_id")}}},
        {"registrationId", Integer(device_, "registration_id")},
        {"advSecretKey", base64("adv_key")},
        {"processedHistoryMessages", Json::array()},
        {"nextPreKeyId", next_pre_key_},
        {"firstUnuploadedPreKeyId", next_pre_key_},
        {"accountSyncCounter", 0},
        {"accountSettings", {{"unarchiveChats", false}}},
        {"registered", true},
        {"account",
         {{"details", base64("adv_details")},
          {"accountSignatureKey", base64("adv_account_sig_key")},
          {"accountSignature", base64("adv_account_sig")},
          {"deviceSignature", base64("adv_device_sig")}}},
        {"me", me},
        {"signalIdentities", Json::array({{{"identifier", {{"name", lid.empty() ? jid_ : lid}, {"deviceId", 0}}},
                                           {"identifierKey", Buffer(absl::StrCat(kKeyTypeByte, account_key))}}})},
        {"platform", device_.Text("platform")}};
    if (!app_state_key_.empty()) creds["myAppStateKeyId"] = app_state_key_;
    return creds;
  }

  void NameTheRest() {
    for (const DumpTable& table : dump_.tables) {
      const absl::string_view name = absl::StripPrefix(table.name, kPrefix);
      if (absl::c_linear_search(kConverted, name)) continue;
      const std::size_t rows = RowsOf(dump_, name, jid_).size();
      if (rows == 0) continue;
      const bool ratchet = name == "sessions" || name == "sender_keys";
      session_.left_out.push_back(
          {table.name,
           absl::StrCat(Count(rows, "row"), ratchet ? " in a form that Baileys does not read; contacts begin anew"
                                                    : " of what Baileys does not keep")});
    }
  }

  const Dump& dump_;
  const DumpRow& device_;
  const std::string jid_;
  SessionEntries session_;
  std::int64_t next_pre_key_ = 1;
  std::string app_state_key_;
  // The LID of each phone number; both are jids.
  std::map<std::string, std::string> lids_;
};

}  // namespace

bool IsWhatsmeowTable(absl::string_view table) { return absl::StartsWith(table, kPrefix); }

bool IsWhatsmeow(const Dump& dump) { return !Rows(dump, "device").empty(); }

DumpSessions ReadWhatsmeow(const Dump& dump) {
  DumpSessions sessions;
  for (const DumpRow& device : Rows(dump, "device")) sessions[device.Text("jid")] = Device(dump, device).Read();
  return sessions;
}

}  // namespace authstate::cli
