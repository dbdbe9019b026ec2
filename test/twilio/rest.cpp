#include "rest.hpp"

#include "parameters.hpp"
#include "render.hpp"
#include "text_rules.hpp"

namespace sim {

namespace {

const std::vector<Parameter> no_parameters;

const std::vector<Parameter> update_room_parameters = {
    {.name = "Status",
     .kind = Kind::choice,
     .code = 53112,
     .choices = {"in-progress", "completed", "failed"},
     .required = true},
};

const std::vector<Parameter> update_participant_parameters = {
    {.name = "Status",
     .kind = Kind::choice,
     .choices = {"connected", "disconnected", "reconnecting"},
     .required = true},
};

const std::vector<Parameter> list_rooms_parameters = {
    {.name = "Status", .kind = Kind::choice, .choices = {"in-progress", "completed", "failed"}},
    {.name = "UniqueName"},
    {.name = "DateCreatedAfter", .kind = Kind::date_time},
    {.name = "DateCreatedBefore", .kind = Kind::date_time},
    {.name = "PageSize", .kind = Kind::integer, .minimum = 1, .maximum = 1000},
    {.name = "Page", .kind = Kind::integer, .minimum = 0},
    {.name = "PageToken"},
};

const std::vector<Parameter> list_participants_parameters = {
    {.name = "Status", .kind = Kind::choice, .choices = {"connected", "disconnected", "reconnecting"}},
    {.name = "Identity"},
    {.name = "DateCreatedAfter", .kind = Kind::date_time},
    {.name = "DateCreatedBefore", .kind = Kind::date_time},
    {.name = "PageSize", .kind = Kind::integer, .minimum = 1, .maximum = 1000},
    {.name = "Page", .kind = Kind::integer, .minimum = 0},
    {.name = "PageToken"},
};

// the path behind /v1/, decoded; nothing when a part is empty or does not decode
std::optional<std::vector<std::string>> segments_of(std::string_view path)
{
    std::vector<std::string> segments;
    if (!path.starts_with("/v1/"))
        return std::nullopt;
    path.remove_prefix(4);
    while (true) {
        std::size_t end = std::min(path.find('/'), path.size());
        auto segment = url_decode(path.substr(0, end), false);
        if (!segment || segment->empty())
            return std::nullopt;
        segments.push_back(std::move(*segment));
        if (end == path.size())
            return segments;
        path.remove_prefix(end + 1);
    }
}

// a page's token is PT and the SID of the last item of the page before
std::optional<std::string> behind(Call &call, const Given &given, std::string_view prefix)
{
    auto token = given.text("PageToken");
    if (!token)
        return std::nullopt;
    if (!token->starts_with("PT") || !is_sid(prefix, std::string_view(*token).substr(2)))
        violate(call, 20001, "PageToken was not provided by the API");
    return token->substr(2);
}

PageUrls page_urls(const Call &call, const Given &given, const std::string &key)
{
    PageUrls urls;
    urls.base = call.base;
    urls.path = call.path;
    urls.key = key;
    urls.page = given.integer_or("Page", 0);
    urls.page_size = given.integer_or("PageSize", 50);
    urls.token = given.text_or("PageToken", "");
    for (const auto &pair : call.parameters)
        if (!pair.first.starts_with("Page"))
            urls.filters.push_back(pair);
    return urls;
}

}  // namespace

[[noreturn]] void violate(Call &call, std::int64_t code, const std::string &message)
{
    call.violations.push_back(message);
    throw ApiError(code, message);
}

Reply Rest::answer(int status, const Room &room, const Settings &settings, const Call &call) const
{
    return {.status = status, .body = render(room, settings, call.base, clock_.now()).dump(), .headers = {}};
}

Reply Rest::refuse(const ApiError &error) const
{
    auto settings = settings_.get();
    bool problem = settings->error_format == "problem";
    return {.status = http_status(*settings, error.code()),
            .body = error_body(*settings, error).dump(),
            .headers = {},
            .code = error.code(),
            .content_type = problem ? "application/problem+json" : "application/json"};
}

Reply Rest::handle(Call &call) const
{
    auto settings = settings_.get();
    try {
        auto query = decode_form(call.query), form = decode_form(call.body);
        if (!query || !form)
            violate(call, 20001, "parameters are not form-encoded UTF-8");
        call.parameters = *query;
        call.form = *form;
        if (call.unread_body)
            violate(call, 20001, "a GET has no body");
        if (settings->strict && call.method == "POST" && !call.body.empty() &&
            !call.content_type.starts_with("application/x-www-form-urlencoded"))
            violate(call, 20001, "a body must be application/x-www-form-urlencoded");
        return route(call, *settings);
    } catch (const ApiError &error) {
        return refuse(error);
    }
}

Reply Rest::route(Call &call, const Settings &settings) const
{
    auto path = segments_of(call.path);
    bool get = call.method == "GET", post = call.method == "POST";
    if (!path || path->front() != "Rooms" || path->size() > 5)
        violate(call, 20404, "The requested resource " + call.path + " was not found");
    std::size_t parts = path->size();
    if (parts > 2 && path->at(2) != "Participants")
        throw ApiError(20501, "this simulator has Rooms and Participants only");
    if (parts == 5 && path->at(4) != "Anonymize")
        throw ApiError(20501, "this simulator has Rooms and Participants only");
    bool list = parts == 1 || parts == 3;
    if ((!get && !post) || (parts == 3 && post) || (parts == 5 && get))
        violate(call, 20004, "Method not allowed");
    if (post || !list)
        check(no_parameters, call.parameters, settings.strict, call.violations);
    if (get)
        check(no_parameters, call.form, settings.strict, call.violations);
    switch (parts) {
        case 1:
            return get ? list_rooms(call, settings) : create_room(call, settings);
        case 2:
            return get ? answer(200, world_.fetch(path->at(1)), settings, call)
                       : update_room(call, settings, path->at(1));
        case 3:
            return list_participants(call, settings, path->at(1));
        case 4:
            if (post)
                return update_participant(call, settings, path->at(1), path->at(3));
            return {.body = render(world_.participant(path->at(1), path->at(3)), settings, call.base).dump(),
                    .headers = {}};
        default:
            check(no_parameters, call.form, settings.strict, call.violations);
            return {
                .body =
                    render_anonymized(world_.anonymize(path->at(1), path->at(3)), settings, call.base).dump(),
                .headers = {}};
    }
}

Reply Rest::update_room(Call &call, const Settings &settings, const std::string &room) const
{
    Given given = check(update_room_parameters, call.form, settings.strict, call.violations);
    // Twilio: completed is the only status a room can be given
    if (given.text("Status") != "completed")
        violate(call, 53112, "Status is invalid");
    return answer(202, world_.complete(room), settings, call);
}

Reply Rest::update_participant(Call &call, const Settings &settings, const std::string &room,
                               const std::string &id) const
{
    Given given = check(update_participant_parameters, call.form, settings.strict, call.violations);
    if (given.text("Status") != "disconnected")
        violate(call, 20001, "Status is invalid");
    return {
        .status = 202, .body = render(world_.remove(room, id), settings, call.base).dump(), .headers = {}};
}

Reply Rest::list_rooms(Call &call, const Settings &settings) const
{
    Given given = check(list_rooms_parameters, call.parameters, settings.strict, call.violations);
    PageUrls urls = page_urls(call, given, "rooms");
    RoomFilter filter{given.text_or("Status", "in-progress"), given.text("UniqueName"),
                      given.time("DateCreatedAfter"), given.time("DateCreatedBefore")};
    auto page = world_.list(filter, behind(call, given, "RM"), static_cast<std::size_t>(urls.page_size));
    Json rooms = Json::array();
    Time now = clock_.now();
    for (const Room &room : page.items)
        rooms.append(render(room, settings, call.base, now));
    urls.more = page.more;
    urls.last_sid = page.items.empty() ? "" : page.items.back().sid;
    return {.body = Json::object().set("rooms", rooms).set("meta", render_meta(urls)).dump(), .headers = {}};
}

Reply Rest::list_participants(Call &call, const Settings &settings, const std::string &room) const
{
    Given given = check(list_participants_parameters, call.parameters, settings.strict, call.violations);
    PageUrls urls = page_urls(call, given, "participants");
    ParticipantFilter filter{given.text("Status"), given.text("Identity"), given.time("DateCreatedAfter"),
                             given.time("DateCreatedBefore")};
    auto page =
        world_.list(room, filter, behind(call, given, "PA"), static_cast<std::size_t>(urls.page_size));
    Json participants = Json::array();
    for (const Participant &participant : page.items)
        participants.append(render(participant, settings, call.base));
    urls.more = page.more;
    urls.last_sid = page.items.empty() ? "" : page.items.back().sid;
    return {.body = Json::object().set("participants", participants).set("meta", render_meta(urls)).dump(),
            .headers = {}};
}

}  // namespace sim
