// SPDX-License-Identifier: LGPL-2.1-or-later
// The tags of many packets at once (HMAC-SHA1, RFC 3711 section 4.2.1), one in each lane of the
// processor's vectors, by Intel's library for IPsec: of AES-CM that is four fifths of the price of a packet.
// Thread: its owner's.
#pragma once

#include "plugin/transport/native/srtp/hmac-sha1.h"

#include <memory>

namespace restream::transport::native {

class TagBatch
{
public:
  // Null: built without the library, or the processor lacks what it takes.
  static std::unique_ptr<TagBatch> create ();
  virtual ~TagBatch () = default;
  TagBatch (const TagBatch &) = delete;
  TagBatch &operator= (const TagBatch &) = delete;

  // The message stays where it is until run(), which may come before the next add(); the key need not.
  // tag: no longer than the key's Mac; may lie in the message.
  virtual void add (const HmacSha1 &key, std::span<const std::uint8_t> message,
      std::span<std::uint8_t> tag) = 0;
  // Writes the tags of all that has been added.
  virtual void run () = 0;

protected:
  TagBatch () = default;
};

} // namespace restream::transport::native
