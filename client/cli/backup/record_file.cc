#include "client/cli/backup/record_file.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/cli/folder/file_io.h"
#include "contract/limits.h"

namespace authstate::cli {
namespace {

constexpr absl::string_view kMagic = "ASBACKUP";
constexpr std::size_t kNumberBytes = 4;
constexpr std::size_t kOffsetBytes = 8;
constexpr std::size_t kMacBytes = 16;
constexpr std::size_t kFileIdBytes = 16;
constexpr std::size_t kMaxHeaderBytes = 4096;
constexpr std::size_t kMaxStoreIdBytes = 64;
// The most that a footer has, sealed.
constexpr std::size_t kMaxFooterBytes = 4096;
constexpr std::size_t kPrefixBytes = kMagic.size() + 2 * kNumberBytes;
// A page of LoadSession is one message; a record has a few bytes around it.
constexpr std::size_t kMaxRecordBytes = kMaxMessageBytes + (std::size_t{1} << 20);
constexpr std::uint64_t kFooterPlace = std::numeric_limits<std::uint64_t>::max();
constexpr std::size_t kBufferBytes = std::size_t{64} << 10;
constexpr int kCompressionLevel = 3;
constexpr unsigned kBitsOfByte = 8;

const unsigned char* Bytes(absl::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

void AppendNumber(std::uint64_t number, std::size_t bytes, std::string* to) {
  for (std::size_t i = 0; i < bytes; ++i) to->push_back(static_cast<char>(number >> i * kBitsOfByte));
}

std::uint64_t NumberIn(absl::string_view bytes) {
  std::uint64_t number = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) number = number << kBitsOfByte | static_cast<unsigned char>(bytes[i]);
  return number;
}

std::string Place(std::uint64_t place) {
  std::string text;
  AppendNumber(place, kOffsetBytes, &text);
  return text;
}

std::string Mac(const FileKey& key, absl::string_view text) {
  std::string mac(kMacBytes, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(mac.data()), mac.size(), Bytes(text), text.size(), key.bytes(),
                     kSealKeyBytes);
  return mac;
}

std::string Pack(const backup::v1::Record& record) {
  thread_local const std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  const std::string plain = record.SerializeAsString();
  std::string packed(ZSTD_compressBound(plain.size()), '\0');
  // It cannot fail: there is room for the worst.
  packed.resize(
      ZSTD_compressCCtx(context.get(), packed.data(), packed.size(), plain.data(), plain.size(), kCompressionLevel));
  return packed;
}

// False for what Pack has not made.
bool Unpack(absl::string_view packed, backup::v1::Record* record) {
  const unsigned long long size = ZSTD_getFrameContentSize(packed.data(), packed.size());
  if (size > kMaxRecordBytes) return false;
  std::string plain(size, '\0');
  const std::size_t got = ZSTD_decompress(plain.data(), plain.size(), packed.data(), packed.size());
  return got == plain.size() && record->ParseFromString(plain) &&
         record->kind_case() != backup::v1::Record::KIND_NOT_SET;
}

absl::Status At(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(path, " ", status.message()));
}

struct OpenedFile {
  std::FILE* file = nullptr;
  std::uint64_t size = 0;
};

absl::StatusOr<OpenedFile> OpenFile(const std::string& path) {
  // Without waiting for a writer, should it be a pipe.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  std::FILE* const file = fd < 0 ? nullptr : fdopen(fd, "rb");
  if (file == nullptr) return At(path, SystemError("cannot be opened"));
  struct stat facts {};
  const bool regular = fstat(fileno(file), &facts) == 0 && S_ISREG(facts.st_mode);
  if (regular) return OpenedFile{file, static_cast<std::uint64_t>(facts.st_size)};
  std::fclose(file);
  return absl::InvalidArgumentError(absl::StrCat(path, " is no file"));
}

// What stands before the records.
struct Beginning {
  BackupHeader header;
  // All that the code is of, and the code.
  std::string text;
  std::string mac;
};

std::string ReadUpTo(std::FILE* file, std::size_t bytes) {
  std::string text(bytes, '\0');
  text.resize(std::fread(text.data(), 1, bytes, file));
  return text;
}

// A part of a file.
struct Span {
  std::uint64_t offset = 0;
  std::size_t bytes = 0;
};

std::string ReadAt(std::FILE* file, std::uint64_t offset, std::size_t bytes) {
  return fseeko(file, static_cast<off_t>(offset), SEEK_SET) == 0 ? ReadUpTo(file, bytes) : "";
}

// Where the sealed footer of a file stands whose records begin at `first`; nullopt: the file has no end.
std::optional<Span> FindFooter(std::FILE* file, std::uint64_t size, std::uint64_t first) {
  if (size < first + kNumberBytes + kOffsetBytes) return std::nullopt;
  const std::uint64_t end = size - kOffsetBytes;
  const std::uint64_t record = NumberIn(ReadAt(file, end, kOffsetBytes));
  if (record < first || record > end - kNumberBytes) return std::nullopt;
  const Span footer{record + kNumberBytes, end - record - kNumberBytes};
  const std::string length = ReadAt(file, record, kNumberBytes);
  const bool found = footer.bytes <= kMaxFooterBytes && NumberIn(length) == footer.bytes;
  return found ? std::make_optional(footer) : std::nullopt;
}

bool IsStoreIdOrNone(absl::string_view text) {
  return text.size() <= kMaxStoreIdBytes && absl::c_all_of(text, absl::ascii_isxdigit);
}

absl::StatusOr<Beginning> ReadBeginning(const std::string& path, std::FILE* file) {
  Beginning beginning;
  beginning.text = ReadUpTo(file, kPrefixBytes);
  if (beginning.text.size() != kPrefixBytes || beginning.text.compare(0, kMagic.size(), kMagic.data()) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is no backup of authstatectl"));
  }
  const absl::string_view numbers = absl::string_view(beginning.text).substr(kMagic.size());
  const std::uint64_t version = NumberIn(numbers.substr(0, kNumberBytes));
  if (version != kBackupFormat) {
    return absl::FailedPreconditionError(absl::StrCat(path, " has format ", version, ", and this program knows format ",
                                                      kBackupFormat, ": look for the authstatectl that wrote it"));
  }
  const std::uint64_t length = NumberIn(numbers.substr(kNumberBytes));
  const std::string text = length <= kMaxHeaderBytes ? ReadUpTo(file, length) : "";
  beginning.mac = ReadUpTo(file, kMacBytes);
  backup::v1::Header message;
  if (text.size() != length || beginning.mac.size() != kMacBytes || !message.ParseFromString(text) ||
      message.file_id().size() != kFileIdBytes || !IsKeyringId(message.key_id()) ||
      !IsStoreIdOrNone(message.store_id())) {
    return absl::DataLossError(absl::StrCat(path, " is damaged: its header cannot be read"));
  }
  beginning.text += text;
  beginning.header = {message.file_id(), message.key_id(), message.number(),
                      absl::FromUnixSeconds(message.create_time().seconds()), message.store_id()};
  return beginning;
}

}  // namespace

FileKey::FileKey(const unsigned char* key, absl::string_view file_id) {
  const std::string text = absl::StrCat("authstate backup file", file_id);
  crypto_generichash(bytes_.data(), bytes_.size(), Bytes(text), text.size(), key, kKeyringKeyBytes);
}

FileKey::~FileKey() { sodium_memzero(bytes_.data(), bytes_.size()); }

absl::StatusOr<std::unique_ptr<RecordWriter>> RecordWriter::Begin(int fd, const Keyring& keyring, std::uint64_t number,
                                                                  absl::Time now, const std::string& store_id) {
  if (!IsStoreIdOrNone(store_id)) return absl::InternalError("the server tells an id of its store that is none");
  backup::v1::Header header;
  header.mutable_file_id()->resize(kFileIdBytes);
  randombytes_buf(header.mutable_file_id()->data(), kFileIdBytes);
  header.set_key_id(keyring.active());
  header.set_number(number);
  header.mutable_create_time()->set_seconds(absl::ToUnixSeconds(now));
  header.set_store_id(store_id);
  const std::string text = header.SerializeAsString();
  std::unique_ptr<RecordWriter> writer(new RecordWriter(fd, keyring.Find(keyring.active()), header.file_id()));
  writer->buffer_ = std::string(kMagic);
  AppendNumber(kBackupFormat, kNumberBytes, &writer->buffer_);
  AppendNumber(text.size(), kNumberBytes, &writer->buffer_);
  writer->buffer_ += text;
  writer->buffer_ += Mac(writer->key_, writer->buffer_);
  return writer;
}

absl::Status RecordWriter::Append(const backup::v1::Record& record) { return AppendPacked(Pack(record)); }

absl::Status RecordWriter::AppendPacked(absl::string_view packed) {
  absl::Status appended = AppendAt(records_, packed);
  if (appended.ok()) ++records_;
  return appended;
}

absl::Status RecordWriter::AppendAt(std::uint64_t place, absl::string_view packed) {
  AppendNumber(kSealNonceBytes + packed.size() + kSealTagBytes, kNumberBytes, &buffer_);
  AppendSealed(key_.bytes(), Place(place), packed, &buffer_);
  return buffer_.size() < kBufferBytes ? absl::OkStatus() : Flush();
}

absl::Status RecordWriter::Flush() {
  absl::string_view left = buffer_;
  while (!left.empty()) {
    const ssize_t count = write(fd_, left.data(), left.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError("cannot be written");
    left.remove_prefix(static_cast<std::size_t>(count));
  }
  flushed_ += buffer_.size();
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status RecordWriter::GoBackTo(const Mark& mark) {
  records_ = mark.records;
  if (mark.offset >= flushed_) {
    buffer_.resize(mark.offset - flushed_);
    return absl::OkStatus();
  }
  buffer_.clear();
  flushed_ = mark.offset;
  const auto offset = static_cast<off_t>(mark.offset);
  const bool done = ftruncate(fd_, offset) == 0 && lseek(fd_, offset, SEEK_SET) == offset;
  return done ? absl::OkStatus() : SystemError("cannot be cut");
}

absl::Status RecordWriter::Finish(backup::v1::Footer footer) {
  footer.set_records(records_);
  backup::v1::Record record;
  *record.mutable_footer() = footer;
  const std::uint64_t offset = mark().offset;
  absl::Status status = AppendAt(kFooterPlace, Pack(record));
  AppendNumber(offset, kOffsetBytes, &buffer_);
  if (status.ok()) status = Flush();
  if (!status.ok()) return status;
  return fsync(fd_) == 0 ? absl::OkStatus() : SystemError("cannot be made durable");
}

absl::StatusOr<std::unique_ptr<RecordReader>> RecordReader::Open(const std::string& path, const Keyring& keyring) {
  const absl::StatusOr<OpenedFile> opened = OpenFile(path);
  if (!opened.ok()) return opened.status();
  File file(opened->file);
  absl::StatusOr<Beginning> beginning = ReadBeginning(path, file.get());
  if (!beginning.ok()) return beginning.status();
  const unsigned char* const key = keyring.Find(beginning->header.key_id);
  if (key == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is encrypted under the key \"", beginning->header.key_id,
                     "\", which the keyring does not have: give the keyring that it was made with"));
  }
  const std::uint64_t offset = beginning->text.size() + kMacBytes;
  std::unique_ptr<RecordReader> reader(
      new RecordReader(path, std::move(file), opened->size, std::move(beginning->header), offset, key));
  if (Mac(reader->key_, beginning->text) != beginning->mac) {
    return absl::DataLossError(
        absl::StrCat(path, " does not fit the key \"", reader->header_.key_id,
                     "\": its header is damaged, or the keyring has another key of that name than it was made with"));
  }
  return reader;
}

absl::Status RecordReader::Damaged(absl::string_view what) const {
  return absl::DataLossError(
      absl::StrCat(path_, " is damaged: ", what, " (record ", records_, ", at byte ", offset_, ")"));
}

absl::StatusOr<std::string> RecordReader::Take(std::size_t bytes) {
  if (bytes > size_ - std::min(offset_, size_)) return Damaged("it ends too early, or was never finished");
  std::string text = ReadUpTo(file_.get(), bytes);
  if (std::ferror(file_.get()) != 0) return At(path_, SystemError("cannot be read"));
  if (text.size() != bytes) return Damaged("it ends too early");
  offset_ += bytes;
  return text;
}

absl::StatusOr<UnsealedRecord> RecordReader::Unseal(std::uint64_t place, absl::string_view sealed) const {
  std::optional<std::string> packed = OpenSealed(key_.bytes(), Place(place), sealed);
  UnsealedRecord unsealed;
  if (!packed.has_value()) return Damaged("a record does not open");
  if (!Unpack(*packed, &unsealed.record)) return Damaged("a record cannot be read");
  if (unsealed.record.has_footer() != (place == kFooterPlace)) return Damaged("a record is in a wrong place");
  unsealed.packed = *std::move(packed);
  return unsealed;
}

absl::StatusOr<std::string> RecordReader::TakeSealed() {
  const absl::StatusOr<std::string> length = Take(kNumberBytes);
  if (!length.ok()) return length;
  if (NumberIn(*length) > ZSTD_compressBound(kMaxRecordBytes)) return Damaged("a record is too long");
  return Take(NumberIn(*length));
}

absl::StatusOr<UnsealedRecord> RecordReader::Next() {
  const std::uint64_t start = offset_;
  const absl::StatusOr<std::string> sealed = TakeSealed();
  lost_ = lost_ || !sealed.ok();
  if (!sealed.ok()) return sealed.status();
  absl::StatusOr<UnsealedRecord> unsealed = Unseal(records_, *sealed);
  if (unsealed.ok()) {
    ++records_;
    return unsealed;
  }
  absl::StatusOr<UnsealedRecord> footer = Unseal(kFooterPlace, *sealed);
  if (!footer.ok()) {
    // The one that follows was written as the next all the same.
    ++records_;
    return unsealed;
  }
  lost_ = true;
  if (footer->record.footer().records() != records_) return Damaged("its footer counts other records");
  const absl::Status end = CheckEnd(start);
  if (!end.ok()) return end;
  return footer;
}

absl::Status RecordReader::CheckEnd(std::uint64_t footer_offset) {
  const absl::StatusOr<std::string> offset = Take(kOffsetBytes);
  if (!offset.ok()) return offset.status();
  if (NumberIn(*offset) != footer_offset) return Damaged("its end does not tell where the footer is");
  return offset_ == size_ ? absl::OkStatus() : Damaged("something follows its end");
}

absl::StatusOr<backup::v1::Footer> RecordReader::ReadFooter() {
  const std::optional<Span> footer = FindFooter(file_.get(), size_, offset_);
  if (std::ferror(file_.get()) != 0) return At(path_, SystemError("cannot be read"));
  if (!footer.has_value()) return Damaged("it has no end, or was never finished");
  offset_ = footer->offset;
  const std::string sealed = ReadAt(file_.get(), footer->offset, footer->bytes);
  if (std::ferror(file_.get()) != 0) return At(path_, SystemError("cannot be read"));
  const absl::StatusOr<UnsealedRecord> unsealed = Unseal(kFooterPlace, sealed);
  if (!unsealed.ok()) return unsealed.status();
  return unsealed->record.footer();
}

absl::StatusOr<BackupOutline> ReadBackupOutline(const std::string& path) {
  const absl::StatusOr<OpenedFile> opened = OpenFile(path);
  if (!opened.ok()) return opened.status();
  absl::StatusOr<Beginning> beginning = ReadBeginning(path, opened->file);
  BackupOutline outline;
  if (beginning.ok()) {
    outline.header = std::move(beginning->header);
    outline.has_end = FindFooter(opened->file, opened->size, beginning->text.size() + kMacBytes).has_value();
  }
  std::fclose(opened->file);
  if (!beginning.ok()) return beginning.status();
  return outline;
}

}  // namespace authstate::cli
