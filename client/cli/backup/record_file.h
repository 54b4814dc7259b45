#ifndef AUTHSTATE_CLIENT_CLI_BACKUP_RECORD_FILE_H_
#define AUTHSTATE_CLIENT_CLI_BACKUP_RECORD_FILE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "authstate/backup/v1/backup.pb.h"
#include "keyring/aead.h"
#include "keyring/keyring.h"

// The bytes of a backup file. Numbers have their least significant byte first.
//
//   8    "ASBACKUP"
//   4    version of the format: 1
//   4    length of the header
//   n    the header (proto/authstate/backup/v1/backup.proto, Header)
//   16   BLAKE2b of all before, keyed with the file's key
//   and then the records, each of them
//     4    length of the rest
//     n    a frame of Zstandard with a Record, sealed (keyring/aead.h) with the file's key; associated is the place of
//          the record, from 0, in 8 bytes
//   of which the last one is the footer, whose place is 2^64 - 1; and
//   8    where in the file that record begins
//
// The file's key is BLAKE2b, 32 bytes, of "authstate backup file" and the id of the file, keyed with the key of the
// keyring that the header names. So a record opens in no other file and in no other place, and a file without its end
// has no footer.
namespace authstate::cli {

inline constexpr std::uint32_t kBackupFormat = 1;

struct BackupHeader {
  std::string file_id;
  std::string key_id;
  std::uint64_t number = 0;
  absl::Time create_time;
  // The store that was saved (client::Client::StoreId); empty: not known.
  std::string store_id;

  // Whether both are known and are not the same.
  bool IsOfAnotherStore(const std::string& than) const {
    return !store_id.empty() && !than.empty() && store_id != than;
  }
};

// Wiped when it goes.
class FileKey {
 public:
  // `key`: kKeyringKeyBytes.
  FileKey(const unsigned char* key, absl::string_view file_id);
  ~FileKey();
  FileKey(const FileKey&) = delete;
  FileKey& operator=(const FileKey&) = delete;

  const unsigned char* bytes() const { return bytes_.data(); }

 private:
  std::array<unsigned char, kSealKeyBytes> bytes_{};
};

// Writes a file from its beginning to its end. Errors are of the system, without the file's path. Not thread-safe.
class RecordWriter {
 public:
  // A point in the file, between two records.
  struct Mark {
    std::uint64_t offset = 0;
    std::uint64_t records = 0;
  };

  // `fd` is an empty file that is open for writing; it stays the caller's, and open for as long as this lives. The
  // file is encrypted under the active key.
  static absl::StatusOr<std::unique_ptr<RecordWriter>> Begin(int fd, const Keyring& keyring, std::uint64_t number,
                                                             absl::Time now, const std::string& store_id);

  absl::Status Append(const backup::v1::Record& record);
  // A record as RecordReader has unsealed it, of this file or another.
  absl::Status AppendPacked(absl::string_view packed);

  Mark mark() const { return {flushed_ + buffer_.size(), records_}; }
  // Takes back what was written since.
  absl::Status GoBackTo(const Mark& mark);

  // Writes the end, and makes all of it durable. `footer` knows of no records.
  absl::Status Finish(backup::v1::Footer footer);

 private:
  RecordWriter(int fd, const unsigned char* key, absl::string_view file_id) : fd_(fd), key_(key, file_id) {}

  absl::Status AppendAt(std::uint64_t place, absl::string_view packed);
  absl::Status Flush();

  const int fd_;
  const FileKey key_;
  // What is in the file, and what follows it there.
  std::uint64_t flushed_ = 0;
  std::string buffer_;
  std::uint64_t records_ = 0;
};

// What a record is, and the bytes that it was made of: for AppendPacked.
struct UnsealedRecord {
  backup::v1::Record record;
  std::string packed;
};

// Reads a file from its beginning to its end, a record at a time. Not thread-safe.
//
// Errors name the file. InvalidArgument for what is no backup; FailedPrecondition for a format or a key that is not
// known, and for a file that cannot be read; DataLoss for one that is damaged, or was never finished.
class RecordReader {
 public:
  static absl::StatusOr<std::unique_ptr<RecordReader>> Open(const std::string& path, const Keyring& keyring);

  const BackupHeader& header() const { return header_; }

  // The next record. After the footer, which is handed out once the rest of the file was found to be right, there is
  // none. After one that does not open, the one that follows it is the next, unless the reader is `lost`.
  absl::StatusOr<UnsealedRecord> Next();

  // Whether it has come to the end, or to damage behind which no record can be found.
  bool lost() const { return lost_; }

  // The footer, without a look at what comes before it. To be called before Next.
  absl::StatusOr<backup::v1::Footer> ReadFooter();

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, Close>;

  RecordReader(std::string path, File file, std::uint64_t size, BackupHeader header, std::uint64_t offset,
               const unsigned char* key)
      : path_(std::move(path)),
        file_(std::move(file)),
        size_(size),
        header_(std::move(header)),
        offset_(offset),
        key_(key, header_.file_id) {}

  absl::StatusOr<std::string> Take(std::size_t bytes);
  absl::StatusOr<std::string> TakeSealed();
  absl::StatusOr<UnsealedRecord> Unseal(std::uint64_t place, absl::string_view sealed) const;
  absl::Status CheckEnd(std::uint64_t footer_offset);
  absl::Status Damaged(absl::string_view what) const;

  const std::string path_;
  const File file_;
  const std::uint64_t size_;
  const BackupHeader header_;
  std::uint64_t offset_;
  const FileKey key_;
  // How many records were read so far, counting those that are damaged.
  std::uint64_t records_ = 0;
  bool lost_ = false;
};

// What a file looks like without its key. None of it is known to be right.
struct BackupOutline {
  BackupHeader header;
  // Whether the file has an end: one that was cut, or that a full disk took a part of, has none.
  bool has_end = false;
};

// Fails as RecordReader::Open.
absl::StatusOr<BackupOutline> ReadBackupOutline(const std::string& path);

}  // namespace authstate::cli

#endif  // AUTHSTATE_CLIENT_CLI_BACKUP_RECORD_FILE_H_
