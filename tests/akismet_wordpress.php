<?php
// Runs docs/examples/replydesk-akismet.php among the few functions of WordPress that it calls, as tests ask it to.

declare(strict_types=1);

$asked = json_decode(stream_get_contents(STDIN), true, 16, JSON_THROW_ON_ERROR);
$said = ['requests' => [], 'moved' => [], 'marks' => []];
$hooks = [];

function add_filter(string $name, callable $call): void
{
    $GLOBALS['hooks'][$name] = $call;
}

function add_action(string $name, callable $call): void
{
    add_filter($name, $call);
}

function wp_parse_url(string $url): array|false|null
{
    return parse_url($url);
}

function wp_remote_request(string $url, array $request): array
{
    $GLOBALS['said']['requests'][] = ['url' => $url, 'headers' => $request['headers']];
    return $GLOBALS['asked']['answer'];
}

function wp_remote_retrieve_header(array $answer, string $name): string
{
    return $answer['headers'][$name] ?? '';
}

function get_comments(array $query): array
{
    return array_map(fn (int $id): object => (object) ['comment_ID' => $id], array_keys($GLOBALS['asked']['held']));
}

function get_option(string $name): mixed
{
    return $GLOBALS['asked']['options'][$name] ?? false;
}

function delete_comment_meta(int $id, string $key): void
{
    $GLOBALS['said']['marks'][] = [$id, $key, null];
}

function update_comment_meta(int $id, string $key, string $value): void
{
    $GLOBALS['said']['marks'][] = [$id, $key, $value];
}

function wp_spam_comment(int $id): void
{
    $GLOBALS['said']['moved'][] = [$id, 'spam'];
}

function wp_set_comment_status(int $id, string $status): void
{
    $GLOBALS['said']['moved'][] = [$id, $status];
}

class Akismet
{
    public static function check_db_comment(int $id, string $why): string
    {
        return $GLOBALS['asked']['held'][$id];
    }
}

define('REPLYDESK_ORIGIN', 'https://desk.example/');
require __DIR__ . '/../docs/examples/replydesk-akismet.php';

if (isset($asked['url'])) {
    $said['answer'] = $hooks['pre_http_request'](false, ['headers' => ['Host' => 'rest.akismet.com']], $asked['url']);
}
if (isset($asked['held'])) {
    $hooks['replydesk_ask_again']();
}
echo json_encode($said);
