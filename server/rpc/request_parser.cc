#include "server/rpc/request_parser.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/message.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "contract/names.h"
#include "server/handlers/request_error.h"

namespace authstate::server {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

std::string Flatten(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

// Finds the first string field that is not UTF-8 in a message that failed to parse; nullopt when none is at fault.
std::optional<std::string> FindInvalidUtf8(const Descriptor* type, absl::string_view bytes, absl::string_view path) {
  CodedInputStream input(reinterpret_cast<const std::uint8_t*>(bytes.data()), static_cast<int>(bytes.size()));
  absl::flat_hash_map<int, int> seen;
  while (const std::uint32_t tag = input.ReadTag()) {
    const FieldDescriptor* field = type->FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED || field == nullptr) {
      if (!WireFormatLite::SkipField(&input, tag)) return std::nullopt;
      continue;
    }
    std::uint32_t size = 0;
    std::string content;
    if (!input.ReadVarint32(&size) || !input.ReadString(&content, static_cast<int>(size))) return std::nullopt;

    std::string here = absl::StrCat(path, path.empty() ? "" : ".", field->name());
    if (field->is_repeated()) absl::StrAppend(&here, "[", seen[field->number()]++, "]");
    if (field->type() == FieldDescriptor::TYPE_STRING && !IsValidUtf8(content)) return here;
    if (field->type() == FieldDescriptor::TYPE_MESSAGE) {
      if (auto found = FindInvalidUtf8(field->message_type(), content, here)) return found;
    }
  }
  return std::nullopt;
}

// Counts the fields of a message of `type` off `*left`, those of its submessages too, as long as there are any left.
// False when there are more, or where the bytes are no message.
bool CountFields(CodedInputStream* input, const Descriptor* type, std::size_t* left) {
  while (const std::uint32_t tag = input->ReadTag()) {
    if ((*left)-- == 0) return false;
    const auto wire_type = WireFormatLite::GetTagWireType(tag);
    // No request has a group, and one could hide any number of fields.
    if (wire_type == WireFormatLite::WIRETYPE_START_GROUP) return false;
    const FieldDescriptor* const field = type->FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
    if (wire_type != WireFormatLite::WIRETYPE_LENGTH_DELIMITED || field == nullptr ||
        field->message_type() == nullptr) {
      if (!WireFormatLite::SkipField(input, tag)) return false;
      continue;
    }
    int size = 0;
    if (!input->ReadVarintSizeAsInt(&size)) return false;
    const auto outer = input->PushLimit(size);
    if (!CountFields(input, field->message_type(), left)) return false;
    input->PopLimit(outer);
  }
  return true;
}

bool HasTooManyFields(const grpc::ByteBuffer& buffer, const Descriptor* type) {
  constexpr std::size_t kLeastBytesOfField = 2;
  if (buffer.Length() <= kMaxRequestFields * kLeastBytesOfField) return false;
  grpc::ByteBuffer read = buffer;
  grpc::ProtoBufferReader reader(&read);
  CodedInputStream input(&reader);
  std::size_t left = kMaxRequestFields;
  return !CountFields(&input, type, &left);
}

}  // namespace

absl::Status ParseRequest(const grpc::ByteBuffer& buffer, Message* message) {
  if (HasTooManyFields(buffer, message->GetDescriptor())) {
    return InvalidField("request", absl::StrCat("has more than ", kMaxRequestFields, " fields, or is no well-formed ",
                                                message->GetTypeName()));
  }
  grpc::ByteBuffer consumed = buffer;  // shares the bytes; parsing empties the buffer it is given
  const grpc::Status parsed = grpc::GenericDeserialize<grpc::ProtoBufferReader, Message>(&consumed, message);
  if (parsed.ok()) return absl::OkStatus();
  if (const auto field = FindInvalidUtf8(message->GetDescriptor(), Flatten(buffer), "")) {
    return InvalidField(*field, "is not valid UTF-8");
  }
  return InvalidField("request", absl::StrCat("is no well-formed ", message->GetTypeName()));
}

}  // namespace authstate::server
