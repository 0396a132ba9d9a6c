// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "common/context-thread.h"
#include "common/post.h"
#include "controller/process/state-store.h"
#include "controller/store/state-file.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace restream {

// The state in a file of upstream's format, db.json. A thread of its own writes it, the whole of it each
// time; what changes meanwhile goes into the next write. After a failed write it tries again
// by itself until the file says what the daemon does. Thread: main.
class DbStore : public StateStore, public std::enable_shared_from_this<DbStore>
{
public:
  static constexpr std::size_t kMaxBytes = 128 * 1024 * 1024;
  static constexpr unsigned kRetryMs = 5000;

  // state: what the folder's file holds.
  DbStore (std::unique_ptr<StateFolder> folder, const StoredState &state,
      unsigned retry_ms = kRetryMs, std::size_t max_bytes = kMaxBytes);
  // A write that has begun is finished.
  ~DbStore () override;

  Result<void> put (const ProcessRecord &record) override;
  void erase (const std::string &id) override;
  Result<void> put_app_metadata (const Metadata &metadata) override;
  void commit (Done done) override;
  void set_on_failure (std::function<void ()> on_failure) override
  {
    on_failure_ = std::move (on_failure);
  }

private:
  Result<void> check_room (std::size_t now, std::size_t then);
  void begin_write ();
  void written (Result<void> result);

  const std::shared_ptr<StateFolder> folder_;
  const OtherMembers others_;
  const unsigned retry_ms_;
  const std::size_t max_bytes_;
  std::map<std::string, std::shared_ptr<const StatePiece>> pieces_;
  std::string app_metadata_;
  std::size_t bytes_ = 0;
  bool dirty_ = false; // changed since the last write has begun
  bool writing_ = false;
  bool planned_ = false; // begin_write() has been posted
  std::vector<Done> running_, next_;
  std::function<void ()> on_failure_;
  Timer retry_timer_;
  ContextThread writer_; // last: it ends before what it uses
};

} // namespace restream
