<?php
/**
 * Plugin Name: Akismet, answered by Replydesk
 * Description: Sends to your Replydesk what the Akismet plugin asks rest.akismet.com.
 *
 * A comment that waits for Replydesk's moderators waits in WordPress, too: the plugin is given no verdict, so it holds the
 * comment. Every five minutes what is held is asked again, and goes where people have decided.
 *
 * Goes to wp-content/mu-plugins/. In wp-config.php: REPLYDESK_ORIGIN ("https://desk.example") and WPCOM_API_KEY, a key
 * made by `replydesk key create SITE --door akismet`. The Akismet plugin itself stays as it is.
 */

declare(strict_types=1);

const REPLYDESK_ASKED_HOST = 'rest.akismet.com';
const REPLYDESK_WAITS = 'x-akismet-recheck-after';
// The plugin's own mark of a comment that it has no verdict on.
const REPLYDESK_HELD = 'akismet_error';
const REPLYDESK_AGAIN_SECONDS = 300;
const REPLYDESK_MOST_ASKED = 100;

/** The answer of Replydesk to a request for Akismet; any other request goes its way. */
function replydesk_instead_of_akismet(mixed $answer, array $request, string $url): mixed
{
    $asked = wp_parse_url($url);
    if (!defined('REPLYDESK_ORIGIN') || !is_array($asked) || ($asked['host'] ?? '') !== REPLYDESK_ASKED_HOST) {
        return $answer;
    }
    // The plugin names Akismet's host by hand; ours is in the address.
    unset($request['headers']['Host']);
    $query = isset($asked['query']) ? '?' . $asked['query'] : '';
    $answer = wp_remote_request(rtrim(REPLYDESK_ORIGIN, '/') . ($asked['path'] ?? '/') . $query, $request);
    // The plugin takes "false" for "publish it", which nobody has said yet.
    if (wp_remote_retrieve_header($answer, REPLYDESK_WAITS) !== '') {
        $answer['body'] = '';
    }
    return $answer;
}

/** Ask again about each comment that is held; the plugin's own turn ends at the first that still waits. */
function replydesk_ask_again(): void
{
    $held = ['status' => 'hold', 'meta_key' => REPLYDESK_HELD, 'number' => REPLYDESK_MOST_ASKED, 'orderby' => 'comment_ID',
        'order' => 'ASC'];
    foreach (class_exists('Akismet') ? get_comments($held) : [] as $comment) {
        $verdict = Akismet::check_db_comment($comment->comment_ID, 'retry');
        if (!in_array($verdict, ['true', 'false'], true)) {
            continue;
        }
        delete_comment_meta($comment->comment_ID, REPLYDESK_HELD);
        update_comment_meta($comment->comment_ID, 'akismet_result', $verdict);
        if ($verdict === 'true') {
            wp_spam_comment($comment->comment_ID);
        } elseif (!get_option('comment_moderation')) {
            // Where the site looks at every comment by itself, it stays in the site's own queue.
            wp_set_comment_status($comment->comment_ID, 'approve');
        }
    }
}

add_filter('pre_http_request', 'replydesk_instead_of_akismet', 10, 3);
add_filter('cron_schedules', fn (array $known): array => $known + [
    'replydesk' => ['interval' => REPLYDESK_AGAIN_SECONDS, 'display' => 'As often as Replydesk is asked again'],
]);
add_action('replydesk_ask_again', 'replydesk_ask_again');
add_action('init', function (): void {
    if (!wp_next_scheduled('replydesk_ask_again')) {
        wp_schedule_event(time() + REPLYDESK_AGAIN_SECONDS, 'replydesk', 'replydesk_ask_again');
    }
});
