// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/store/db-store.h"

#include "controller/log.h"
#include "controller/store/record-json.h"

#include <utility>

namespace restream {

namespace {

std::size_t
size_of (const StatePiece &piece)
{
  return piece.process.size () + piece.metadata.size ();
}

std::shared_ptr<const StatePiece>
make_piece (const ProcessRecord &record)
{
  auto piece = std::make_shared<StatePiece> ();
  JsonWriter process;
  process.key (record.config.id);
  write_record (process, record);
  piece->process = process.take ();
  if (!record.metadata.empty ()) {
    JsonWriter metadata;
    metadata.key (record.config.id);
    record.metadata.write (metadata);
    piece->metadata = metadata.take ();
  }
  return piece;
}

std::string
text_of (const Metadata &metadata)
{
  JsonWriter json;
  metadata.write (json);
  return json.take ();
}

} // namespace

DbStore::DbStore (std::unique_ptr<StateFolder> folder, const StoredState &state,
    unsigned retry_ms, std::size_t max_bytes)
    : folder_ (std::move (folder)), others_ (state.others),
      retry_ms_ (retry_ms), max_bytes_ (max_bytes),
      app_metadata_ (text_of (state.app_metadata)), writer_ ("state-writer")
{
  bytes_ = app_metadata_.size ();
  for (const ProcessRecord &record : state.processes) {
    auto piece = make_piece (record);
    bytes_ += size_of (*piece);
    pieces_[record.config.id] = std::move (piece);
  }
}

DbStore::~DbStore () = default;

// More than there was before is refused, so that what is too much can be made less.
Result<void>
DbStore::check_room (std::size_t now, std::size_t then)
{
  if (then > now && bytes_ - now + then > max_bytes_)
    return Error{Code::too_large, "the state has no room for it"};
  bytes_ = bytes_ - now + then;
  return {};
}

Result<void>
DbStore::put (const ProcessRecord &record)
{
  auto known = pieces_.find (record.config.id);
  auto piece = make_piece (record);
  if (auto ok =
          check_room (known == pieces_.end () ? 0 : size_of (*known->second),
              size_of (*piece));
      !ok)
    return ok;
  pieces_[record.config.id] = std::move (piece);
  dirty_ = true;
  return {};
}

void
DbStore::erase (const std::string &id)
{
  auto known = pieces_.find (id);
  if (known == pieces_.end ())
    return;
  bytes_ -= size_of (*known->second);
  pieces_.erase (known);
  dirty_ = true;
}

Result<void>
DbStore::put_app_metadata (const Metadata &metadata)
{
  std::string text = text_of (metadata);
  if (text == app_metadata_)
    return {};
  if (auto ok = check_room (app_metadata_.size (), text.size ()); !ok)
    return ok;
  app_metadata_ = std::move (text);
  dirty_ = true;
  return {};
}

void
DbStore::commit (Done done)
{
  if (!dirty_ && !writing_)
    return done ({});
  if (!dirty_) { // the write under way has all of it
    running_.push_back (std::move (done));
    return;
  }
  next_.push_back (std::move (done));
  if (writing_ || planned_)
    return;
  // Later, so that what else comes in this round of the loop goes with it.
  planned_ = true;
  post (nullptr, weak_from_this (), [] (DbStore &self) {
    self.planned_ = false;
    self.begin_write ();
  });
}

void
DbStore::begin_write ()
{
  if (writing_)
    return;
  retry_timer_.cancel ();
  writing_ = true;
  dirty_ = false;
  running_ = std::exchange (next_, {});
  std::vector<std::shared_ptr<const StatePiece>> pieces;
  pieces.reserve (pieces_.size ());
  for (const auto &[id, piece] : pieces_)
    pieces.push_back (piece);
  post (writer_.context (),
      [weak = weak_from_this (), folder = folder_, others = others_,
          app_metadata = app_metadata_, pieces = std::move (pieces)] {
        auto result =
            folder->write (compose_state (pieces, app_metadata, others));
        post (nullptr, weak,
            [result] (DbStore &self) { self.written (result); });
      });
}

void
DbStore::written (Result<void> result)
{
  writing_ = false;
  auto done = std::exchange (running_, {});
  if (!result) {
    // What came meanwhile rests on what has failed.
    for (Done &waiting : std::exchange (next_, {}))
      done.push_back (std::move (waiting));
    log_event (G_LOG_LEVEL_WARNING, "", result.error ().what);
    dirty_ = true; // who knows what the file says
    if (on_failure_)
      on_failure_ ();
    retry_timer_ = Timer (nullptr, retry_ms_, [this] {
      begin_write ();
      return false;
    });
  } else if (dirty_) {
    begin_write ();
  }
  for (Done &waiting : done)
    waiting (result);
}

} // namespace restream
