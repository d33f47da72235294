<?php
/**
 * Plugin Name: Replydesk edge check
 * Description: Opens an article where the reader's entitlement token proves it, and asks Replydesk otherwise.
 *
 * PHP 8.1 or later with sodium. In wp-config.php: REPLYDESK_ROOT, REPLYDESK_SITE, and REPLYDESK_SITE_KEY (a key with
 * the scope "readers"). A post's id, its first category's slug and its tags' slugs must be what you told Replydesk.
 */

declare(strict_types=1);

const REPLYDESK_COOKIE = '__Host-entitlement';
const REPLYDESK_SKEW_SECONDS = 60;
// No cookie is longer.
const REPLYDESK_MOST_CHARACTERS = 4096;
const REPLYDESK_TIMEOUT_SECONDS = 1;
const REPLYDESK_CACHE_SECONDS = 300;
const REPLYDESK_LOOK_AGAIN_SECONDS = 30;
// After a miss the next readers do not each wait for the same silence.
const REPLYDESK_AWAY_SECONDS = 5;
const REPLYDESK_BEGINNING_WORDS = 55;
// An id that your site gives to nobody: what is free is open to them, too.
const REPLYDESK_NOBODY = 'nobody-is-signed-in';

/** The bytes of base64url without padding (RFC 7515 2); null where it is none. */
function replydesk_decode(string $part): ?string
{
    try {
        return sodium_base642bin($part, SODIUM_BASE64_VARIANT_URLSAFE_NO_PADDING);
    } catch (SodiumException) {
        return null;
    }
}

/** A JSON object as an array; null where it is none. */
function replydesk_object(?string $json): ?array
{
    $value = $json === null ? null : json_decode($json, true, 8);
    return is_array($value) && !array_is_list($value) ? $value : null;
}

/**
 * The claims of a token that holds at $now (Unix seconds), or the name of why not: malformed, algorithm, type, key,
 * signature, issuer, site, early or expired. $grace (seconds) lets it hold for longer, for an outage only.
 */
function replydesk_verify(string $token, array $keys, string $site, int $now, int $grace = 0): array|string
{
    $parts = explode('.', $token);
    if (count($parts) !== 3 || strlen($token) > REPLYDESK_MOST_CHARACTERS) {
        return 'malformed';
    }
    [$header, $signature] = [replydesk_object(replydesk_decode($parts[0])), replydesk_decode($parts[2])];
    if ($header === null || $signature === null) {
        return 'malformed';
    }
    if (($header['alg'] ?? null) !== 'EdDSA') {
        return 'algorithm';
    }
    if (($header['typ'] ?? null) !== 'entitlement+jwt') {
        return 'type';
    }
    if (isset($header['crit']) || !is_string($header['kid'] ?? null)) {
        return 'malformed';
    }
    $public = $keys[$header['kid']] ?? null;
    if ($public === null) {
        return 'key';
    }
    if (strlen($signature) !== SODIUM_CRYPTO_SIGN_BYTES
        || !sodium_crypto_sign_verify_detached($signature, $parts[0] . '.' . $parts[1], $public)) {
        return 'signature';
    }
    // What nobody vouches for is not even read.
    $claims = replydesk_object(replydesk_decode($parts[1]));
    return $claims === null ? 'malformed' : replydesk_current($claims, $site, $now, $grace);
}

function replydesk_current(array $claims, string $site, int $now, int $grace): array|string
{
    if (!is_int($claims['iat'] ?? null) || !is_int($claims['exp'] ?? null) || !is_string($claims['sub'] ?? null)
        || !is_array($claims['opens'] ?? null) || !is_array($claims['unlocked'] ?? null)) {
        return 'malformed';
    }
    if (($claims['iss'] ?? null) !== 'replydesk') {
        return 'issuer';
    }
    if (($claims['aud'] ?? null) !== $site) {
        return 'site';
    }
    if ($claims['iat'] > $now + REPLYDESK_SKEW_SECONDS) {
        return 'early';
    }
    return $claims['exp'] + $grace <= $now ? 'expired' : $claims;
}

/** Whether the claims open the post. */
function replydesk_opens(array $claims, string $post, string $section, array $tags): bool
{
    $opens = $claims['opens'];
    return ($opens['all'] ?? false) === true
        || in_array($section, $opens['sections'] ?? [], true)
        || array_intersect($tags, $opens['tags'] ?? []) !== []
        || in_array($post, $claims['unlocked'], true);
}

/** The public keys of a JWK Set by their ids. */
function replydesk_keys(array $document): array
{
    $keys = [];
    foreach ($document['keys'] ?? [] as $key) {
        if (($key['alg'] ?? null) === 'EdDSA' && ($key['crv'] ?? null) === 'Ed25519') {
            $public = replydesk_decode((string) $key['x']);
            if ($public !== null && strlen($public) === SODIUM_CRYPTO_SIGN_PUBLICKEYBYTES) {
                $keys[(string) $key['kid']] = $public;
            }
        }
    }
    return $keys;
}

/** GET an address of Replydesk; null where it does not answer with 200 in time. */
function replydesk_get(string $path): ?array
{
    if (get_transient('replydesk_away') !== false) {
        return null;
    }
    $answer = wp_remote_get(REPLYDESK_ROOT . $path, [
        'timeout' => REPLYDESK_TIMEOUT_SECONDS,
        'redirection' => 0,
        'headers' => ['Authorization' => 'Bearer ' . REPLYDESK_SITE_KEY],
    ]);
    if (is_wp_error($answer) || wp_remote_retrieve_response_code($answer) !== 200) {
        set_transient('replydesk_away', 1, REPLYDESK_AWAY_SECONDS);
        return null;
    }
    return replydesk_object(wp_remote_retrieve_body($answer));
}

/** The site's JWK Set: from the cache, anew after five minutes, and the old one while no new one can be had. */
function replydesk_document(): array
{
    $held = get_option('replydesk_jwks', ['document' => [], 'look_at' => 0]);
    if (time() >= $held['look_at']) {
        $found = replydesk_get('/v1/sites/' . rawurlencode(REPLYDESK_SITE) . '/jwks.json');
        $wait = $found === null ? REPLYDESK_LOOK_AGAIN_SECONDS : REPLYDESK_CACHE_SECONDS;
        $held = ['document' => $found ?? $held['document'], 'look_at' => time() + $wait];
        update_option('replydesk_jwks', $held, false);
    }
    return $held['document'];
}

/** Whether this reader may read the post now. */
function replydesk_may_read(string $reader, string $post, string $section, array $tags): bool
{
    $document = replydesk_document();
    $keys = replydesk_keys($document);
    $token = (string) ($_COOKIE[REPLYDESK_COOKIE] ?? '');
    $claims = replydesk_verify($token, $keys, REPLYDESK_SITE, time());
    if (replydesk_proves($claims, $reader, $post, $section, $tags)) {
        return true;
    }
    $path = '/v1/readers/' . rawurlencode($reader) . '/access?post_id=' . rawurlencode($post);
    $asked = replydesk_get($path);
    if ($asked !== null) {
        return ($asked['allowed'] ?? false) === true;
    }
    $outage = $document['outage'] ?? ['mode' => 'closed'];
    if ($outage['mode'] === 'grace') {
        $claims = replydesk_verify($token, $keys, REPLYDESK_SITE, time(), (int) $outage['grace_seconds']);
        return replydesk_proves($claims, $reader, $post, $section, $tags);
    }
    return $outage['mode'] === 'open';
}

function replydesk_proves(array|string $claims, string $reader, string $post, string $section, array $tags): bool
{
    return is_array($claims) && $claims['sub'] === $reader && replydesk_opens($claims, $post, $section, $tags);
}

/** Give a signed-in reader a new token where theirs is no longer good. Before any output: it sets a cookie. */
function replydesk_renew(): void
{
    if (is_singular('post')) {
        // What is open to one reader is in nobody else's cache.
        nocache_headers();
    }
    $reader = (string) get_current_user_id();
    $keys = replydesk_keys(replydesk_document());
    $claims = replydesk_verify((string) ($_COOKIE[REPLYDESK_COOKIE] ?? ''), $keys, REPLYDESK_SITE, time());
    if ($reader === '0' || (is_array($claims) && $claims['sub'] === $reader)) {
        return;
    }
    $made = replydesk_get('/v1/readers/' . $reader . '/entitlement-token');
    if ($made === null) {
        return;
    }
    $_COOKIE[REPLYDESK_COOKIE] = $made['token'];
    setcookie(REPLYDESK_COOKIE, $made['token'], [
        'path' => '/', 'secure' => true, 'httponly' => true, 'samesite' => 'Lax',
    ]);
}

/** The article, or its beginning and a way on; lists, feeds and WordPress's REST API have beginnings only. */
function replydesk_content(string $content): string
{
    $post = get_post();
    if ($post === null || $post->post_type !== 'post') {
        return $content;
    }
    $id = (string) $post->ID;
    $reader = is_user_logged_in() ? (string) get_current_user_id() : REPLYDESK_NOBODY;
    $section = get_the_category($post->ID)[0]->slug ?? '';
    $tags = array_map(static fn ($tag) => $tag->slug, get_the_tags($post->ID) ?: []);
    if (is_singular('post') && replydesk_may_read($reader, $id, $section, $tags)) {
        return $content;
    }
    // Not get_the_excerpt(), which asks this filter for the content.
    $beginning = $post->post_excerpt !== '' ? $post->post_excerpt : wp_trim_words($content, REPLYDESK_BEGINNING_WORDS);
    return '<p>' . esc_html($beginning) . '</p><p><a href="/subscribe/">Subscribe, or unlock this article.</a></p>';
}

if (function_exists('add_action')) {
    add_action('template_redirect', 'replydesk_renew');
    add_filter('the_content', 'replydesk_content');
    add_action('wp_logout', static function (): void {
        setcookie(REPLYDESK_COOKIE, '', ['expires' => 1, 'path' => '/', 'secure' => true, 'httponly' => true]);
    });
}
