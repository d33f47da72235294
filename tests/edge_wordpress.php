<?php
/** WordPress as far as the plugin needs it, for tests: questions as JSON on standard input, answers on standard output. */

declare(strict_types=1);

$options = [];
$transients = [];
$sent = [];

function get_option(string $name, mixed $default): mixed
{
    global $options;
    return $options[$name] ?? $default;
}

function update_option(string $name, mixed $value, bool $autoload): void
{
    global $options;
    $options[$name] = $value;
}

function get_transient(string $name): mixed
{
    global $transients;
    return $transients[$name] ?? false;
}

function set_transient(string $name, mixed $value, int $seconds): void
{
    global $transients;
    $transients[$name] = $value;
}

function wp_remote_get(string $url, array $arguments): array|false
{
    global $sent;
    $sent[] = preg_replace('#^https?://[^/]+#', '', $url);
    $headers = implode("\r\n", array_map(
        static fn ($name, $value) => "$name: $value",
        array_keys($arguments['headers']),
        $arguments['headers'],
    ));
    $context = stream_context_create(['http' => [
        'timeout' => $arguments['timeout'], 'header' => $headers, 'ignore_errors' => true, 'follow_location' => 0,
    ]]);
    $body = @file_get_contents($url, false, $context);
    return $body === false ? false : ['code' => (int) explode(' ', $http_response_header[0])[1], 'body' => $body];
}

function is_wp_error(mixed $answer): bool
{
    return $answer === false;
}

function wp_remote_retrieve_response_code(array $answer): int
{
    return $answer['code'];
}

function wp_remote_retrieve_body(array $answer): string
{
    return $answer['body'];
}

function get_current_user_id(): int
{
    return $GLOBALS['user'];
}

function is_singular(string $type): bool
{
    return $GLOBALS['alone'] ?? true;
}

function is_user_logged_in(): bool
{
    return $GLOBALS['user'] > 0;
}

function get_post(): object
{
    return (object) $GLOBALS['post'];
}

function get_the_category(int $id): array
{
    return [];
}

function get_the_tags(int $id): false
{
    return false;
}

function wp_trim_words(string $text, int $words): string
{
    return implode(' ', array_slice(explode(' ', strip_tags($text)), 0, $words));
}

function esc_html(string $text): string
{
    return htmlspecialchars($text, ENT_QUOTES);
}

function nocache_headers(): void
{
}

$asked = json_decode(stream_get_contents(STDIN), true);
define('REPLYDESK_ROOT', $asked['root'] ?? '');
define('REPLYDESK_SITE', 'demo');
define('REPLYDESK_SITE_KEY', $asked['key'] ?? '');
require __DIR__ . '/../docs/edge/replydesk-edge.php';

$answers = [];
foreach ($asked['verify'] ?? [] as $case) {
    $claims = replydesk_verify($case['token'], replydesk_keys($case['keys']), $case['site'], $case['now'], $case['grace']);
    $answers[] = is_string($claims) ? $claims : array_map(
        static fn ($post) => replydesk_opens($claims, $post['id'], $post['section'] ?? '', $post['tags'] ?? []),
        $case['posts'],
    );
}
foreach ($asked['read'] ?? [] as $case) {
    $sent = [];
    $options = $case['options'] ?? $options;
    $transients = [];
    $_COOKIE = isset($case['token']) ? ['__Host-entitlement' => $case['token']] : [];
    $user = (int) ($case['user'] ?? 0);
    if ($case['renew'] ?? false) {
        replydesk_renew();
    }
    $answers[] = [
        'may' => replydesk_may_read((string) ($case['user'] ?? REPLYDESK_NOBODY), $case['post'], $case['section'] ?? '', []),
        'sent' => $sent,
        'cookie' => $_COOKIE['__Host-entitlement'] ?? null,
    ];
}
foreach ($asked['content'] ?? [] as $case) {
    [$_COOKIE, $transients, $user, $alone] = [[], [], 0, $case['alone'] ?? true];
    $post = ['ID' => $case['id'], 'post_type' => $case['type'] ?? 'post', 'post_excerpt' => $case['excerpt'] ?? ''];
    $answers[] = replydesk_content($case['text']);
}
echo json_encode($answers);
