// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/store/state-file.h"

#include "controller/log.h"
#include "controller/store/record-json.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace restream {

namespace {

constexpr const char *kFile = "db.json";
constexpr const char *kLock = "db.json.lock";
// Upstream has no bound to what it takes as metadata.
constexpr unsigned kMaxDepth = 256;
constexpr off_t kMaxFileBytes = 1024 * 1024 * 1024;

Error
system_error (const std::string &what, int number = errno)
{
  return {Code::unavailable, what + ": " + g_strerror (number)};
}

// Closes what it holds unless it is taken.
class Descriptor
{
public:
  explicit Descriptor (int fd) : fd_ (fd) {}
  Descriptor (const Descriptor &) = delete;
  Descriptor &operator= (const Descriptor &) = delete;
  ~Descriptor ()
  {
    if (fd_ >= 0)
      close (fd_);
  }
  int get () const { return fd_; }
  int take () { return std::exchange (fd_, -1); }
  explicit operator bool () const { return fd_ >= 0; }

private:
  int fd_;
};

Result<void>
write_all (int fd, std::string_view text)
{
  while (!text.empty ()) {
    ssize_t written = ::write (fd, text.data (), text.size ());
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return system_error ("cannot write");
    text.remove_prefix (std::size_t (written));
  }
  return {};
}

Result<std::string>
read_all (int fd)
{
  struct stat info;
  if (fstat (fd, &info) != 0)
    return system_error ("cannot read");
  if (!S_ISREG (info.st_mode) || info.st_size > kMaxFileBytes)
    return Error{Code::bad_request, "no regular file of at most 1 GiB"};
  std::string text (std::size_t (info.st_size), '\0');
  std::size_t size = 0;
  while (size < text.size ()) {
    ssize_t got = ::read (fd, text.data () + size, text.size () - size);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return system_error ("cannot read");
    if (got == 0)
      break;
    size += std::size_t (got);
  }
  text.resize (size);
  return text;
}

} // namespace

std::string
indent_json (std::string_view text)
{
  std::string out;
  out.reserve (text.size () + text.size () / 2);
  std::size_t level = 0;
  auto new_line = [&] { out.append ("\n").append (level * 4, ' '); };
  for (std::size_t i = 0; i < text.size (); i++) {
    char c = text[i];
    if (c == '"') {
      std::size_t from = i;
      for (i++; text[i] != '"'; i++)
        if (text[i] == '\\')
          i++;
      out.append (text.substr (from, i + 1 - from));
    } else if (c == '{' || c == '[') {
      out += c;
      if (text[i + 1] == '}' || text[i + 1] == ']') {
        out += text[++i];
      } else {
        level++;
        new_line ();
      }
    } else if (c == '}' || c == ']') {
      level--;
      new_line ();
      out += c;
    } else if (c == ',') {
      out += c;
      new_line ();
    } else if (c == ':') {
      out += ": ";
    } else {
      out += c;
    }
  }
  return out;
}

namespace {

// ",name:value…", to go after what we write into an object ourselves.
std::string
other_members (JsonNode *object, MemberNames but)
{
  JsonWriter json;
  write_other_members (json, object, but);
  std::string text = json.take ();
  return text.empty () ? text : "," + text;
}

void
read_metadata (JsonObject *object, Metadata &metadata)
{
  JsonObjectIter iter;
  const char *name;
  JsonNode *member;
  json_object_iter_init_ordered (&iter, object);
  while (json_object_iter_next_ordered (&iter, &name, &member))
    metadata.restore (name, member);
}

Result<StoredState>
read_state (JsonNode *root)
{
  if (!JSON_NODE_HOLDS_OBJECT (root))
    return Error{Code::bad_request, "a JSON object expected"};
  JsonReader reader (json_node_get_object (root), "");
  std::uint64_t version = 0;
  if (auto ok = reader.get ("version", version); !ok)
    return ok.error ();
  if (version != kStateVersion)
    return Error{Code::unprocessable,
        "unsupported version of the state file (want: "
            + std::to_string (kStateVersion)
            + ", have: " + std::to_string (version) + ")"};
  auto processes = reader.object ("process");
  if (!processes)
    return processes.error ();
  auto all_metadata = reader.object ("metadata");
  if (!all_metadata)
    return all_metadata.error ();
  StoredState state;
  state.others.root = other_members (root, {"version", "process", "metadata"});
  state.others.metadata = other_members (
      json_object_get_member (json_node_get_object (root), "metadata"),
      {"system", "process"});
  JsonObject *process_metadata = nullptr;
  if (*all_metadata) {
    JsonReader inner (*all_metadata, "metadata");
    auto system = inner.object ("system");
    if (!system)
      return system.error ();
    if (*system)
      read_metadata (*system, state.app_metadata);
    auto by_process = inner.object ("process");
    if (!by_process)
      return by_process.error ();
    process_metadata = *by_process;
  }
  if (!*processes)
    return state;
  JsonObjectIter iter;
  const char *id;
  JsonNode *node;
  json_object_iter_init_ordered (&iter, *processes);
  while (json_object_iter_next_ordered (&iter, &id, &node)) {
    ProcessRecord record = read_record (id, node);
    if (process_metadata) {
      JsonReader inner (process_metadata, "metadata.process");
      auto own = inner.object (id);
      if (!own)
        return own.error ();
      if (*own)
        read_metadata (*own, record.metadata);
    }
    state.processes.push_back (std::move (record));
  }
  return state;
}

} // namespace

Result<StoredState>
parse_state (std::string_view text)
{
  auto root = parse_json (text, kMaxDepth);
  if (!root)
    return root.error ();
  return read_state (root->get ());
}

std::string
compose_state (const std::vector<std::shared_ptr<const StatePiece>> &pieces,
    const std::string &app_metadata, const OtherMembers &others)
{
  std::string text =
      "{\"version\":" + std::to_string (kStateVersion) + ",\"process\":{";
  auto append = [&] (std::string StatePiece::*part) {
    bool first = true;
    for (const auto &piece : pieces) {
      if ((*piece.*part).empty ())
        continue;
      text += first ? "" : ",";
      text += *piece.*part;
      first = false;
    }
  };
  append (&StatePiece::process);
  text += "},\"metadata\":{\"system\":" + app_metadata + ",\"process\":{";
  append (&StatePiece::metadata);
  text += "}" + others.metadata + "}" + others.root + "}";
  return indent_json (text) + "\n";
}

Result<std::unique_ptr<StateFolder>>
StateFolder::open (const std::string &path)
{
  bool made = !g_file_test (path.c_str (), G_FILE_TEST_EXISTS);
  if (made && g_mkdir_with_parents (path.c_str (), 0700) != 0)
    return system_error ("cannot make the folder " + path);
  Descriptor folder (
      ::open (path.c_str (), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder)
    return system_error ("cannot open the folder " + path);
  if (made) {
    Descriptor parent (
        openat (folder.get (), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (parent)
      fsync (parent.get ());
  }
  Descriptor lock (openat (folder.get (), kLock,
      O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!lock)
    return system_error ("cannot make " + path + "/" + kLock);
  if (flock (lock.get (), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK)
      return Error{Code::unavailable,
          "another daemon keeps its state in " + path
              + ": give this one a folder of its own (db.dir)"};
    return system_error ("cannot lock " + path + "/" + kLock);
  }
  return std::unique_ptr<StateFolder> (
      new StateFolder (path, folder.take (), lock.take ()));
}

StateFolder::~StateFolder ()
{
  close (lock_);
  close (folder_);
}

Result<StoredState>
StateFolder::load (std::string &set_aside) const
{
  Descriptor file (openat (folder_, kFile, O_RDONLY | O_CLOEXEC));
  if (!file && errno == ENOENT)
    return StoredState ();
  const std::string name = path_ + "/" + kFile;
  if (!file)
    return system_error ("cannot open " + name);
  auto text = read_all (file.get ());
  auto state = text ? parse_state (*text) : Result<StoredState> (text.error ());
  if (state || state.error ().code != Code::bad_request)
    return state ? std::move (state) : state.error ().wrap (name);
  // Not ours to understand, and not ours to throw away.
  Owned<char> stamp;
  if (GDateTime *now = g_date_time_new_now_utc ()) {
    stamp.reset (g_date_time_format (now, "%Y%m%dT%H%M%SZ"));
    g_date_time_unref (now);
  }
  std::string kept = std::string (kFile) + ".unreadable-" + stamp.get ();
  for (int i = 1;
       faccessat (folder_, kept.c_str (), F_OK, AT_SYMLINK_NOFOLLOW) == 0; i++)
    kept = std::string (kFile) + ".unreadable-" + stamp.get () + "-"
        + std::to_string (i);
  if (renameat (folder_, kFile, folder_, kept.c_str ()) != 0)
    return system_error ("cannot rename " + name);
  if (fsync (folder_) != 0)
    return system_error ("cannot write the folder " + path_);
  set_aside = name + ": " + state.error ().what + "; kept as " + path_ + "/"
      + kept + ", starting without processes";
  return StoredState ();
}

Result<void>
StateFolder::write (std::string_view text) const
{
  auto ok = write_durably (folder_, kFile, text);
  return ok ? ok : ok.error ().wrap (path_ + "/" + kFile);
}

Result<void>
write_durably (int folder, const std::string &name, std::string_view text)
{
  const std::string temporary = name + ".new";
  Descriptor file (openat (folder, temporary.c_str (),
      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file)
    return system_error ("cannot make " + temporary);
  auto ok = write_all (file.get (), text);
  if (ok && (fchmod (file.get (), 0600) != 0 || fsync (file.get ()) != 0))
    ok = system_error ("cannot write");
  if (ok && close (file.take ()) != 0)
    ok = system_error ("cannot write");
  if (ok && renameat (folder, temporary.c_str (), folder, name.c_str ()) != 0)
    ok = system_error ("cannot rename");
  if (!ok) {
    unlinkat (folder, temporary.c_str (),
        0); // room for what the disk is short of
    return ok;
  }
  // The name too has to last.
  if (fsync (folder) != 0)
    return system_error ("cannot write the folder");
  return {};
}

Result<void>
write_durably (const std::string &path, std::string_view text)
{
  Owned<char> parent (g_path_get_dirname (path.c_str ()));
  Owned<char> name (g_path_get_basename (path.c_str ()));
  if (g_mkdir_with_parents (parent.get (), 0700) != 0)
    return system_error (
        std::string ("cannot make the folder ") + parent.get ());
  Descriptor folder (
      ::open (parent.get (), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder)
    return system_error (std::string ("cannot open ") + parent.get ());
  auto ok = write_durably (folder.get (), name.get (), text);
  return ok ? ok : ok.error ().wrap (path);
}

} // namespace restream
