// A plugin: it starts workers of its own, lets them fail, and has joined them before it is closed.
#include <inquest/inquest.hpp>

#include <cstring>
#include <string>

namespace {

struct plugin_error {
    std::string text;
    [[nodiscard]] const std::string& message() const { return text; }
};

} // namespace

/// What a producer in here is told of the failure of its worker, whose error has a type of this plugin's. Cut to `size`.
extern "C" __attribute__((visibility("default"))) void plugin_run(char* text, std::size_t size) {
    auto [tx, rx] = inquest::make_channel<std::string>(2);
    auto worker = inquest::spawn("plugin", std::move(rx),
                                 [](inquest::receiver<std::string>& in) -> std::expected<void, plugin_error> {
                                     while (const auto item = in.pop())
                                         if (*item == "3") return std::unexpected(plugin_error{"three"});
                                     return {};
                                 });
    std::string told = "nothing";
    for (int i = 1;; ++i) {
        auto sent = tx.push(std::to_string(i));
        if (sent) continue;
        const auto why = inquest::resolve(tx, worker, sent.error());
        told = why.message() + (why.error() ? ", typed" : "");
        break;
    }
    std::strncpy(text, told.c_str(), size - 1);
    text[size - 1] = '\0';
}
