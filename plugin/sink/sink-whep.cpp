// SPDX-License-Identifier: LGPL-2.1-or-later
#include "plugin/sink/sink-whep.h"

namespace restream::sink {

static whep::ServerOptions
server_options (const WhepSettings &settings)
{
  whep::ServerOptions options;
  options.requests_per_second = settings.requests_per_second;
  options.base_path = settings.base_path;
  options.ice_servers = settings.ice_servers;
  return options;
}

// The registry's outcome as the server knows it.
static AddCallback
answered_by (whep::AnswerCallback callback)
{
  return [callback = std::move (callback)] (Result<AddedViewer> added) {
    if (added)
      callback (whep::Answer{std::move (added->id), std::move (added->answer)});
    else
      callback (added.error ());
  };
}

SinkWhep::SinkWhep (Ref<SoupServer> soup, ViewerRegistry &registry,
    const ActivityWatch &activity, WhepSettings whep,
    std::function<RegistrySettings ()> settings)
    : soup_ (std::move (soup)), registry_ (registry), activity_ (activity),
      token_ (whep.token), settings_ (std::move (settings)),
      server_ (new whep::Server (soup_.get (), *this, server_options (whep))),
      pages_ (soup_.get (), web::Site::player)
{
}

SinkWhep::~SinkWhep ()
{
  server_.reset ();
  soup_server_disconnect (soup_.get ());
}

Result<std::unique_ptr<SinkWhep>>
SinkWhep::create (const std::string &address, unsigned port,
    ViewerRegistry &registry, const ActivityWatch &activity, WhepSettings whep,
    std::function<RegistrySettings ()> settings)
{
  auto soup = whep::new_http_server ();
  auto socket_address = Ref<GSocketAddress>::adopt (
      g_inet_socket_address_new_from_string (address.c_str (), port));
  if (!socket_address)
    return Error{Code::bad_request,
        "whep-address \"" + address + "\" is no IP address"};
  Owned<GError> error;
  if (!soup_server_listen (soup.get (), socket_address.get (),
          static_cast<SoupServerListenOptions> (0), out (error)))
    return Error::from (error.get (), Code::unavailable)
        .wrap ("cannot serve WHEP at " + address + " port "
            + std::to_string (port));
  return std::unique_ptr<SinkWhep> (new SinkWhep (std::move (soup), registry,
      activity, std::move (whep), std::move (settings)));
}

unsigned
SinkWhep::port () const
{
  GSList *uris = soup_server_get_uris (soup_.get ());
  int port = uris ? g_uri_get_port (static_cast<GUri *> (uris->data)) : -1;
  g_slist_free_full (uris, reinterpret_cast<GDestroyNotify> (g_uri_unref));
  return port > 0 ? static_cast<unsigned> (port) : 0;
}

Result<void>
SinkWhep::check_stream (const std::string &)
{
  return {}; // the one stream; whether it runs, add_viewer() says
}

void
SinkWhep::add_viewer (whep::OfferRequest request, whep::AnswerCallback callback)
{
  registry_.add (request.offer, request.loopback, settings_ (),
      answered_by (std::move (callback)));
}

void
SinkWhep::invite_viewer (whep::OfferRequest request,
    whep::AnswerCallback callback)
{
  registry_.invite (request.loopback, settings_ (),
      answered_by (std::move (callback)));
}

void
SinkWhep::answer_viewer (const std::string &, const std::string &viewer_id,
    const std::string &answer, whep::DoneCallback callback)
{
  registry_.answer (viewer_id, answer, std::move (callback));
}

void
SinkWhep::update_ice (const std::string &, const std::string &viewer_id,
    const std::string &fragment, whep::IceCallback callback)
{
  Result<IceReply> reply = registry_.update_ice (viewer_id, fragment);
  if (reply)
    callback (whep::IceReply{reply->restarted, std::move (reply->fragment)});
  else
    callback (reply.error ());
}

whep::StreamState
SinkWhep::state (const std::string &)
{
  return {activity_.active (),
      static_cast<unsigned> (registry_.snapshot ()->size ())};
}

void
SinkWhep::remove_viewer (const std::string &, const std::string &viewer_id)
{
  registry_.remove (viewer_id, "left");
}

} // namespace restream::sink
