// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/webrtc-subsystem.h"

#include "controller/log.h"
#include "controller/process/rtp-legs.h"

namespace restream {

namespace {

// How long a viewer should wait before it asks again for a process that does not
// run yet, or no longer.
constexpr unsigned kRetryAfterS = 2;

} // namespace

WebrtcSubsystem::WebrtcSubsystem (const Config &config, Environment environment)
    : config_ (config), environment_ (std::move (environment))
{
}

WebrtcSubsystem::~WebrtcSubsystem () = default;

Channel *
WebrtcSubsystem::find (const std::string &id) const
{
  auto it = channels_.find (id);
  return it == channels_.end () ? nullptr : it->second.get ();
}

std::size_t
WebrtcSubsystem::viewer_count () const
{
  std::size_t count = 0;
  for (const auto &[id, channel] : channels_)
    count += channel->viewer_count ();
  return count;
}

ChannelOptions
WebrtcSubsystem::channel_options (const WebrtcOptions &options) const
{
  ChannelOptions channel;
  if (options.has_video ())
    channel.video_pt = options.video_pt ? options.video_pt : kDefaultVideoPt;
  if (options.has_audio ())
    channel.audio_pt = options.audio_pt ? options.audio_pt : kDefaultAudioPt;
  if (const LegCodec *codec =
          find_leg_codec (Media::video, options.video_codec))
    channel.video_encoding = codec->encoding_name;
  if (const LegCodec *codec =
          find_leg_codec (Media::audio, options.audio_codec))
    channel.audio_encoding = codec->encoding_name;
  channel.transport =
      options.transport.empty () ? config_.webrtc_transport : options.transport;
  channel.udp_port = unsigned (config_.webrtc_udp_port);
  channel.io_threads = unsigned (config_.webrtc_io_threads);
  channel.gop_cache_size =
      unsigned (config_.webrtc_gop_cache_mbytes * 1024 * 1024);
  channel.gop_cache_time = config_.webrtc_gop_cache_sec * GST_SECOND;
  channel.start_bitrate = unsigned (config_.webrtc_start_bitrate_kbit * 1000);
  channel.max_viewers = unsigned (config_.webrtc_max_viewers_per_process);
  channel.announced_addresses = config_.webrtc_announced_addresses;
  channel.interfaces = config_.webrtc_interfaces;
  channel.min_port = unsigned (config_.webrtc_min_port);
  channel.max_port = unsigned (config_.webrtc_max_port);
  return channel;
}

Result<void>
WebrtcSubsystem::on_process_start (const std::string &id,
    const ProcessConfig &config)
{
  if (!config.webrtc.enabled || !config_.webrtc_enable)
    return {};
  if (find (id))
    return Error{Code::conflict, "webrtc: the process has a stream already"};
  Channel::Observer observer;
  observer.viewer_removed = [this, id] (const std::string &viewer) {
    environment_.viewer_removed (id, viewer);
  };
  observer.changed = [this, id] { environment_.stream_changed (id); };
  observer.failed = [this, id] (const std::string &reason) {
    environment_.note (id, "webrtc: " + reason);
  };
  observer.warned = [this, id] (const std::string &what) {
    environment_.note (id, "webrtc: " + what);
  };
  auto channel = Channel::create (id, channel_options (config.webrtc),
      std::move (observer));
  if (!channel)
    return channel.error ().wrap ("webrtc");
  log_event (G_LOG_LEVEL_INFO, id,
      "stream on ports " + std::to_string ((*channel)->port ()) + " and "
          + std::to_string ((*channel)->port () + 1));
  channels_[id] = *std::move (channel);
  return {};
}

std::vector<std::string>
WebrtcSubsystem::run_arguments (const std::string &id,
    const ProcessConfig &config)
{
  Channel *channel = find (id);
  if (!channel)
    return {};
  channel->expect_sender ();
  return rtp_leg_arguments (config.webrtc, channel->port (),
      g_get_real_time ());
}

void
WebrtcSubsystem::before_process_stop (const std::string &id)
{
  Channel *channel = find (id);
  if (!channel)
    return;
  channel->refuse_viewers ();
  environment_.stream_ends (id);
}

void
WebrtcSubsystem::on_process_stop (const std::string &id,
    std::function<void ()> done)
{
  auto it = channels_.find (id);
  if (it == channels_.end ())
    return done ();
  std::shared_ptr<Channel> channel = it->second;
  // The channel stays in the map until its ports are free: a start before that is
  // refused. Kept by the callback only as far as the map keeps it.
  channel->close (unsigned (config_.webrtc_drain_timeout_ms),
      [this, id, weak = std::weak_ptr (channel), done = std::move (done)] {
        auto closed = weak.lock ();
        auto now = channels_.find (id);
        if (now != channels_.end () && now->second == closed)
          channels_.erase (now);
        log_event (G_LOG_LEVEL_INFO, id, "stream closed");
        done ();
      });
}

Result<void>
WebrtcSubsystem::check_stream (const std::string &stream)
{
  const ProcessConfig *process = environment_.process (stream);
  if (!process)
    return Error{Code::not_found, "no such process"};
  if (!process->webrtc.enabled || !config_.webrtc_enable)
    return Error{Code::not_found, "WebRTC is not enabled for this process"};
  Channel *channel = find (stream);
  if (!channel)
    return Error{Code::conflict, "the process is not running", kRetryAfterS};
  if (!channel->is_open ())
    return Error{Code::conflict, "the process is stopping", kRetryAfterS};
  if (channel->failed ())
    return Error{Code::unavailable, "the stream has failed", kRetryAfterS};
  return {};
}

std::string
WebrtcSubsystem::token (const std::string &stream)
{
  const ProcessConfig *process = environment_.process (stream);
  return process && !process->webrtc.token.empty () ? process->webrtc.token
                                                    : config_.whep_token;
}

whep::StreamState
WebrtcSubsystem::state (const std::string &stream)
{
  Channel *channel = find (stream);
  if (!channel)
    return {};
  return {channel->is_active (), unsigned (channel->viewer_count ())};
}

Result<Channel *>
WebrtcSubsystem::channel_with_room (const std::string &stream)
{
  // Asked again: the body took its time to come.
  if (auto ok = check_stream (stream); !ok)
    return ok.error ();
  if (config_.webrtc_max_viewers != 0
      && viewer_count () >= config_.webrtc_max_viewers)
    return Error{Code::unavailable, "too many viewers", 10};
  return find (stream);
}

static Channel::AnswerCallback
answer_to (whep::AnswerCallback callback)
{
  return [callback = std::move (callback)] (Result<ChannelViewer> viewer) {
    if (viewer)
      callback (whep::Answer{viewer->id, viewer->answer});
    else
      callback (viewer.error ());
  };
}

void
WebrtcSubsystem::add_viewer (whep::OfferRequest request,
    whep::AnswerCallback callback)
{
  auto channel = channel_with_room (request.stream);
  if (!channel)
    return callback (channel.error ());
  (*channel)->add_viewer (request.offer, request.loopback,
      answer_to (std::move (callback)));
}

void
WebrtcSubsystem::invite_viewer (whep::OfferRequest request,
    whep::AnswerCallback callback)
{
  auto channel = channel_with_room (request.stream);
  if (!channel)
    return callback (channel.error ());
  (*channel)->invite_viewer (request.loopback,
      answer_to (std::move (callback)));
}

void
WebrtcSubsystem::answer_viewer (const std::string &stream,
    const std::string &viewer_id, const std::string &answer,
    whep::DoneCallback callback)
{
  Channel *channel = find (stream);
  if (!channel)
    return callback (Error{Code::not_found, "the stream has ended"});
  channel->answer_viewer (viewer_id, answer, std::move (callback));
}

void
WebrtcSubsystem::update_ice (const std::string &stream,
    const std::string &viewer_id, const std::string &fragment,
    whep::IceCallback callback)
{
  Channel *channel = find (stream);
  if (!channel)
    return callback (Error{Code::not_found, "the stream has ended"});
  channel->update_ice (viewer_id, fragment,
      [callback = std::move (callback)] (Result<ChannelIce> ice) {
        if (ice)
          callback (whep::IceReply{ice->restarted, ice->fragment});
        else
          callback (ice.error ());
      });
}

void
WebrtcSubsystem::remove_viewer (const std::string &stream,
    const std::string &viewer_id)
{
  if (Channel *channel = find (stream))
    channel->remove_viewer (viewer_id);
}

} // namespace restream
