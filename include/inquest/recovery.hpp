// What became of a channel's items, and of those that are handed back.
#pragma once

#include <inquest/detail/config.hpp>

#include <cstdint>
#include <type_traits>
#include <utility>

namespace inquest { inline namespace INQUEST_ABI {

/// Where an item was that is handed back.
enum class item_state : unsigned char {
    queued,  ///< in the channel: nobody had popped it
    in_hand, ///< with a worker that failed before it had dealt with it: see leasing_receiver
};

/// Which item is handed back.
struct item_origin {
    std::uint64_t number; ///< as in messages: of all that were pushed to the channel, from 1
    item_state state;     ///< where it was
};

/// Counts of a channel's items. At any moment at which no call is under way on the channel,
/// `pushed == popped + buffered + recovered + discarded + dropped`.
struct ledger {
    std::uint64_t pushed = 0;    ///< all that went in
    std::uint64_t popped = 0;    ///< taken out by pops
    std::uint64_t buffered = 0;  ///< queued now
    std::uint64_t recovered = 0; ///< handed out by `recover`
    std::uint64_t discarded = 0; ///< destroyed, because the channel discards what is undelivered
    std::uint64_t dropped = 0;   ///< taken out by `push_or_drop_oldest`, to make room
    /// All are the same.
    friend bool operator==(const ledger&, const ledger&) = default;
};

namespace detail {

/// What `recover` hands items to; it may ask which item it is.
template <class Sink, class Item>
concept item_sink = std::is_invocable_v<Sink&, Item> || std::is_invocable_v<Sink&, Item, item_origin>;

template <class Item, item_sink<Item> Sink>
void hand_out(Sink& sink, Item item, const item_origin& from) {
    if constexpr (std::is_invocable_v<Sink&, Item, item_origin>)
        sink(std::forward<Item>(item), from);
    else
        sink(std::forward<Item>(item));
}

} // namespace detail

}} // namespace inquest::INQUEST_ABI
