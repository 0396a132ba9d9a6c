// SPDX-License-Identifier: LGPL-2.1-or-later
#include "controller/http/glob.h"

#include <algorithm>

namespace restream {

namespace {

constexpr char32_t kEnd = 0; // no character of a valid pattern

std::u32string
to_characters (std::string_view text)
{
  std::u32string characters;
  for (const char *p = text.data (); p < text.data () + text.size ();
       p = g_utf8_next_char (p))
    characters += char32_t (g_utf8_get_char (p));
  return characters;
}

} // namespace

// Writes the states in the pattern's order; the way on is the next state, and
// alternatives are forks and jumps, so there is no recursion.
class Glob::Parser
{
public:
  Parser (std::u32string pattern, bool path)
      : pattern_ (std::move (pattern)), path_ (path)
  {
  }

  bool run (std::vector<State> &states)
  {
    while (at_ < pattern_.size ())
      if (!item ())
        return false;
    while (!open_.empty ()) // left open is closed at the end
      close ();
    add (State::Kind::match);
    states = std::move (states_);
    return true;
  }

private:
  struct Alternatives
  {
    std::uint32_t fork;
    std::vector<std::uint32_t> jumps;
  };

  char32_t peek () const
  {
    return at_ < pattern_.size () ? pattern_[at_] : kEnd;
  }
  char32_t take () { return at_ < pattern_.size () ? pattern_[at_++] : kEnd; }
  std::uint32_t here () const { return std::uint32_t (states_.size ()); }
  State &add (State::Kind kind)
  {
    states_.push_back (State{.kind = kind, .inside = path_});
    return states_.back ();
  }

  bool item ()
  {
    char32_t c = take ();
    if (c == '*')
      stars ();
    else if (c == '?')
      add (State::Kind::any_one);
    else if (c == '[')
      return set ();
    else if (c == '{')
      return open ();
    else if (c == '}' && !open_.empty ())
      close ();
    else if (c == ',' && !open_.empty ())
      next_alternative ();
    else
      literal (c);
    return true;
  }

  void stars ()
  {
    bool several = peek () == '*';
    while (peek () == '*')
      at_++;
    State &state = add (State::Kind::any_many);
    state.inside = path_ && !several;
  }

  void literal (char32_t c)
  {
    if (c == '\\')
      c = take ();
    if (c == kEnd) // a backslash at the end stands for nothing
      return;
    State &state = add (State::Kind::character);
    state.low = c;
    state.inside = false;
  }

  bool open ()
  {
    if (open_.size () >= kMaxGlobDepth)
      return false;
    open_.push_back ({here (), {}});
    add (State::Kind::fork).targets = {here () + 1};
    return true;
  }

  void next_alternative ()
  {
    open_.back ().jumps.push_back (here ());
    add (State::Kind::jump);
    states_[open_.back ().fork].targets.push_back (here ());
  }

  void close ()
  {
    for (std::uint32_t jump : open_.back ().jumps)
      states_[jump].targets = {here ()};
    open_.pop_back ();
  }

  // After "[": a range has one pair only; anything else is a list of characters.
  bool set ()
  {
    bool negated = peek () == '!';
    if (negated)
      at_++;
    char32_t low = take ();
    if (low == kEnd)
      return false;
    if (peek () == '-') {
      at_++;
      char32_t high = take ();
      if (high < low || take () != ']') // the end is below everything
        return false;
      State &state = add (State::Kind::range);
      state.negated = negated;
      state.low = low;
      state.high = high;
      return true;
    }
    at_--;
    std::u32string list;
    for (char32_t c = take (); c != ']'; c = take ()) {
      if (c == '\\')
        c = take ();
      if (c == kEnd)
        return false;
      list += c;
    }
    if (list.empty ())
      return false;
    State &state = add (State::Kind::list);
    state.negated = negated;
    state.list = std::move (list);
    return true;
  }

  const std::u32string pattern_;
  const bool path_;
  std::size_t at_ = 0;
  std::vector<State> states_;
  std::vector<Alternatives> open_;
};

// All ways at once, each state at most once per character.
class Glob::Run
{
public:
  Run (const std::vector<State> &states, std::uint64_t &steps)
      : states_ (states), steps_ (steps), seen_ (states.size (), 0)
  {
  }

  bool matches (const std::u32string &text)
  {
    enter (0);
    for (char32_t c : text) {
      from_.swap (active_);
      active_.clear ();
      generation_++;
      for (std::uint32_t state : from_)
        step (state, c);
      if (active_.empty ())
        return false;
    }
    return std::any_of (active_.begin (), active_.end (),
        [this] (std::uint32_t state) {
          return states_[state].kind == State::Kind::match;
        });
  }

private:
  void step (std::uint32_t index, char32_t c)
  {
    const State &state = states_[index];
    if (state.inside && c == '/')
      return;
    switch (state.kind) {
      case State::Kind::character:
        return advance (state.low == c, index);
      case State::Kind::any_one:
        return advance (true, index);
      case State::Kind::any_many:
        return enter (index);
      case State::Kind::range:
        return advance ((state.low <= c && c <= state.high) != state.negated,
            index);
      case State::Kind::list:
        return advance (
            (state.list.find (c) != state.list.npos) != state.negated, index);
      case State::Kind::fork:
      case State::Kind::jump:
      case State::Kind::match:
        return;
    }
  }

  void advance (bool fits, std::uint32_t index)
  {
    if (fits)
      enter (index + 1);
  }

  // The state, and what is reached from it without a character.
  void enter (std::uint32_t first)
  {
    todo_.clear ();
    visit (first);
    while (!todo_.empty ()) {
      std::uint32_t index = todo_.back ();
      todo_.pop_back ();
      visit (index);
    }
  }

  void visit (std::uint32_t index)
  {
    if (seen_[index] == generation_ || steps_ == 0)
      return;
    seen_[index] = generation_;
    steps_--;
    const State &state = states_[index];
    if (state.targets.empty ())
      active_.push_back (index);
    else
      todo_.insert (todo_.end (), state.targets.begin (), state.targets.end ());
    if (state.kind == State::Kind::any_many)
      todo_.push_back (index + 1);
  }

  const std::vector<State> &states_;
  std::uint64_t &steps_;
  std::vector<std::uint32_t> active_, from_, todo_;
  std::vector<std::uint64_t> seen_; // the generation in which it was entered
  std::uint64_t generation_ = 1;
};

Result<Glob>
Glob::parse (std::string_view pattern, bool path)
{
  Glob glob;
  if (pattern.size () > kMaxGlobLength
      || !g_utf8_validate_len (pattern.data (), pattern.size (), nullptr)
      || !Parser (to_characters (pattern), path).run (glob.states_))
    return Error{Code::bad_request, "not a pattern"};
  return glob;
}

Result<Glob>
Glob::parse (std::string_view pattern)
{
  return parse (pattern, false);
}

Result<Glob>
Glob::parse_path (std::string_view pattern)
{
  return parse (pattern, true);
}

bool
Glob::matches (std::string_view text, std::uint64_t &steps) const
{
  if (!g_utf8_validate_len (text.data (), text.size (), nullptr))
    return false;
  bool found = Run (states_, steps).matches (to_characters (text));
  return found && steps > 0;
}

} // namespace restream
